import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openUndoStore } from '../src/bulk/undo-store.ts';
import { Secret } from '../src/config/secret.ts';
import { type BucketKey, awsExample as example, type Instead, refuse, startBucket } from './support/bucket.ts';
import { expectNoSecrets } from './support/canary.ts';

const name = 'a-job/000001-a-worker.jsonl';
const text = '{"id":"1","subject":"Grüße, 世界 🌍"}\n{"id":"2"}\n';

/** What a write throws; undefined when it keeps the file. */
const errorOf = (write: Promise<void>): Promise<unknown> => write.catch((error: unknown) => error);

const module = new URL('../src/bulk/undo-store.ts', import.meta.url);

/** Runs a program of its own, which may write files of so many blocks. */
function runProgram(program: string, maxBlocks?: number) {
  const node = [process.execPath, '--input-type=module', '--eval', program];
  const limit = maxBlocks === undefined ? '' : `ulimit -f ${maxBlocks} && `;
  return promisify(execFile)('sh', ['-c', `${limit}exec "$@"`, 'sh', ...node]);
}

/** A folder of the test's own, and the path within it of a store that is not there yet. */
async function startFolder() {
  const parent = await mkdtemp(join(tmpdir(), 'undo-'));
  const path = join(parent, 'undo', 'files');
  return {
    parent,
    path,
    store: openUndoStore({ kind: 'folder', path }),
    /** All files that are anywhere in the test's folder, by their names in the store. */
    async files() {
      const entries = await readdir(parent, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return files.map((file) => join(file.parentPath, file.name).replace(`${path}/`, ''));
    },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}

describe('an undo folder', () => {
  it('stores a file unchanged, creates its folders, and leaves nothing else', async () => {
    await using folder = await startFolder();
    expect(existsSync(folder.path)).toBe(false);
    await folder.store.write(name, text);
    expect(await folder.files()).toEqual([name]);
    expect(await readFile(join(folder.path, name), 'utf8')).toBe(text);
  });

  it("lets only the server's user read a file", async () => {
    await using folder = await startFolder();
    await folder.store.write(name, text);
    expect(((await stat(join(folder.path, name))).mode & 0o777).toString(8)).toBe('600');
  });

  it('shows a complete file or none', async () => {
    await using folder = await startFolder();
    const whole = text.repeat(300_000);
    const sizes = new Set<number>();
    let isWritten = false;
    async function watch() {
      while (!isWritten)
        sizes.add(
          await stat(join(folder.path, name)).then(
            ({ size }) => size,
            () => Number.NaN,
          ),
        );
    }
    async function write() {
      await folder.store.write(name, whole).finally(() => {
        isWritten = true;
      });
    }
    await Promise.all([write(), watch()]);
    sizes.delete(Number.NaN);
    sizes.delete(Buffer.byteLength(whole));
    expect([...sizes]).toEqual([]);
  });

  it('has no file when the disk was full in the middle of it', async () => {
    await using folder = await startFolder();
    const { stdout } = await runProgram(
      `
      import { openUndoStore } from ${JSON.stringify(module)};
      const store = openUndoStore({ kind: 'folder', path: ${JSON.stringify(folder.path)} });
      await store.write('small', 'x');
      await store.write(${JSON.stringify(name)}, 'x'.repeat(100_000)).catch(() => console.log('not kept'));`,
      8,
    );
    expect(stdout).toBe('not kept\n');
    expect((await folder.files()).filter((file) => !file.endsWith('.part'))).toEqual(['small']);
  });

  it('keeps the first of two files with the same name, and refuses the second', async () => {
    await using folder = await startFolder();
    await folder.store.write(name, text);
    const error = await errorOf(folder.store.write(name, 'another'));
    expect(await readFile(join(folder.path, name), 'utf8')).toBe(text);
    expect(error).toBeInstanceOf(Error);
  });

  it.each(['../beside.jsonl', 'a-job/../../beside.jsonl'])(
    'refuses the name %s, which leads outside',
    async (outside) => {
      await using folder = await startFolder();
      const error = await errorOf(folder.store.write(outside, text));
      expect(await folder.files()).toEqual([]);
      expect(error).toBeInstanceOf(Error);
    },
  );

  it('stores files without hard links: complete, the first of a name, and nothing else', async () => {
    await using folder = await startFolder();
    const { stdout } = await runProgram(`
      import fs from 'node:fs/promises';
      import { syncBuiltinESMExports } from 'node:module';
      fs.link = async () => { throw Object.assign(new Error(), { code: 'EPERM' }); };
      syncBuiltinESMExports();
      const { openUndoStore } = await import(${JSON.stringify(module)});
      const store = openUndoStore({ kind: 'folder', path: ${JSON.stringify(folder.path)} });
      console.log((await store.probe()).kind);
      await store.write(${JSON.stringify(name)}, ${JSON.stringify(text)});
      await store.write(${JSON.stringify(name)}, 'another').catch(() => console.log('not kept'));`);
    expect(stdout).toBe('kept\nnot kept\n');
    expect(await folder.files()).toEqual([name]);
    expect(await readFile(join(folder.path, name), 'utf8')).toBe(text);
  });

  it('passes the probe, which creates it and leaves it empty', async () => {
    await using folder = await startFolder();
    expect(await folder.store.probe()).toEqual({ kind: 'kept' });
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.each<[string, string, (parent: string) => string]>([
    ['EACCES', 'that its user may not write to', (parent) => `await fs.chmod(${JSON.stringify(parent)}, 0o500);`],
    ['ENOTDIR', 'below a file', (parent) => `await fs.writeFile(${JSON.stringify(join(parent, 'undo'))}, '');`],
    ['EFBIG', 'that has no room', () => ''],
  ])('fails the probe with %s %s, and does not reveal its path', async (code, _where, prepare) => {
    await using folder = await startFolder();
    // Root may write anywhere, so the program gives that up.
    const { stdout } = await runProgram(
      `
      import fs from 'node:fs/promises';
      import { openUndoStore } from ${JSON.stringify(module)};
      ${prepare(folder.parent)}
      if (process.geteuid() === 0 && ${code === 'EACCES'}) process.seteuid(65534);
      const store = openUndoStore({ kind: 'folder', path: ${JSON.stringify(folder.path)} });
      console.log(JSON.stringify(await store.probe()));`,
      code === 'EFBIG' ? 0 : undefined,
    );
    const probe = JSON.parse(stdout);
    expect(probe).toEqual({ kind: 'refused', reason: code, advice: expect.stringMatching(/\S/) });
    expect(stdout).not.toContain(folder.parent);
    if (code === 'EFBIG') expect(await folder.files()).toEqual([]);
  });

  it('fails the probe when its file system never answers', async () => {
    await using folder = await startFolder();
    const { stdout } = await runProgram(`
      import fs from 'node:fs/promises';
      import { syncBuiltinESMExports } from 'node:module';
      fs.link = () => new Promise(() => {});
      syncBuiltinESMExports();
      const { openUndoStore } = await import(${JSON.stringify(module)});
      const store = openUndoStore({ kind: 'folder', path: ${JSON.stringify(folder.path)} });
      const alive = setInterval(() => {}, 1_000);
      console.log(JSON.stringify(await store.probe()));
      clearInterval(alive);`);
    expect(JSON.parse(stdout)).toEqual({ kind: 'failing', reason: 'no answer' });
  });

  it('does not reveal its path when it cannot store a file', async () => {
    await using folder = await startFolder();
    await writeFile(join(folder.parent, 'undo'), 'a file in the way');
    const error = await errorOf(folder.store.write(name, text));
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).not.toContain(folder.parent);
  });
});

const key: BucketKey = {
  accessKeyId: 'canary-access-key-id',
  secretAccessKey: 'canary-secret-access-key',
  region: 'some-region-1',
};

const openBucket = (url: string, { secretAccessKey, sessionToken, ...rest }: BucketKey = key) =>
  openUndoStore({
    ...{ kind: 'bucket', url: new URL(url), ...rest, secretAccessKey: new Secret(secretAccessKey) },
    sessionToken: sessionToken === undefined ? undefined : new Secret(sessionToken),
  });

const answer =
  (status: number, headers: Record<string, string> = {}): Instead =>
  (response) =>
    void response.writeHead(status, headers).end('<Error/>');

describe('the bucket of these tests', () => {
  it.each([
    [200, 'is right', example.signature, example.body],
    [403, 'is wrong', example.signature.replace('9', '8'), example.body],
    [403, 'is of another body', example.signature, `${example.body}.`],
  ])('answers %i when the signature of the example by AWS %s', async (expected, _how, signature, body) => {
    await using bucket = await startBucket(example.key);
    const target = { method: 'PUT', path: example.path, headers: example.headers(signature) };
    const status = await new Promise((resolve, reject) => {
      const put = request(new URL(bucket.url).origin, target, ({ statusCode }) => resolve(statusCode));
      put.once('error', reject).end(body);
    });
    expect(status).toBe(expected);
  });
});

describe('an undo bucket', () => {
  it.each([
    ['', ''],
    ['/', ''],
    ['/undo', 'undo/'],
    ['/undo/files/', 'undo/files/'],
    ["/un do/~Grüße (1)/it's!*$&@=:,;", "un do/~Grüße (1)/it's!*$&@=:,;/"],
    ['/un%20do/%2B', 'un do/+/'],
  ])('stores a file unchanged, correctly signed, under the prefix %j', async (path, prefix) => {
    await using bucket = await startBucket(key);
    const store = openBucket(`${bucket.url}${path}`);
    expect(bucket.requestCount()).toBe(0);
    await store.write(name, text);
    expect([...bucket.files]).toEqual([
      [`${prefix}${name}`, expect.objectContaining({ text, contentType: 'application/jsonl' })],
    ]);
  });

  it('signs everything except the body, which https protects', async () => {
    await using bucket = await startBucket(key);
    await openBucket(bucket.url).write(name, text);
    expect(bucket.files.get(name)?.payload).toBe('UNSIGNED-PAYLOAD');
  });

  it.each<[string, Partial<BucketKey>, Instead[]]>([
    ['a wrong secret', { secretAccessKey: 'canary-of-a-wrong-secret' }, []],
    ['a wrong key', { accessKeyId: 'canary-of-a-wrong-key' }, []],
    ['a wrong region', { region: 'another-region-1' }, []],
    ['whom it refuses', {}, [(response) => refuse(response, 'AccessDenied', 'Access Denied')]],
  ])('stores nothing for %s, and its error reveals neither address nor keys', async (_who, mine, instead) => {
    await using bucket = await startBucket(key, instead);
    const used = { ...key, ...mine };
    const error = await errorOf(openBucket(`${bucket.url}/a-prefix`, used).write(name, text));
    expect(error).toMatchObject({ message: expect.stringMatching(/: status 403$/) });
    expectNoSecrets(String((error as Error).stack), [bucket.host, 'a-prefix', used.accessKeyId, used.secretAccessKey]);
    expect([bucket.requestCount(), bucket.files.size]).toEqual([1, 0]);
  });

  it('accepts temporary credentials with a signed session token, and refuses them without', async () => {
    const temporary = { ...key, sessionToken: 'canary/session+token==' };
    await using bucket = await startBucket(temporary);
    await openBucket(bucket.url, temporary).write(name, text);
    expect(bucket.files.get(name)?.text).toBe(text);
    await expect(openBucket(bucket.url, key).write('other', text)).rejects.toThrow('status 403');
    expect(bucket.files.size).toBe(1);
  });

  it.each<[string, object, Instead[]]>([
    ['kept', { kind: 'kept' }, []],
    ...[400, 401, 403, 404, 405, 412, 301, 307].map((status): [string, object, Instead[]] => [
      `refused (${status})`,
      { kind: 'refused', reason: `status ${status}`, advice: expect.stringMatching(/\S/) },
      [answer(status)],
    ]),
    ...[408, 429, 500, 503].map((status): [string, object, Instead[]] => [
      `failing (${status})`,
      { kind: 'failing', reason: `status ${status}` },
      [answer(status)],
    ]),
    ['failing (cut off)', { kind: 'failing', reason: expect.any(String) }, [(response) => response.destroy()]],
  ])('R30 gets one probe request: %s', async (_what, expected, instead) => {
    await using bucket = await startBucket(key, instead);
    const probe = await openBucket(`${bucket.url}/a-prefix`).probe();
    expect(probe).toEqual(expected);
    expect(bucket.requestCount()).toBe(1);
    expectNoSecrets(JSON.stringify(probe), [bucket.host, 'a-prefix', key.accessKeyId, key.secretAccessKey]);
    expect([...bucket.files.keys()]).toEqual(instead.length === 0 ? ['a-prefix/.write-test'] : []);
  });

  it('fails the probe when nothing listens', async () => {
    const bucket = await startBucket(key);
    await bucket[Symbol.asyncDispose]();
    expect(await openBucket(bucket.url).probe()).toEqual({ kind: 'failing', reason: 'ECONNREFUSED' });
  });

  it('fails the probe when it accepts the file and never answers', async () => {
    await using bucket = await startBucket(key, [() => {}]);
    expect(await openBucket(bucket.url).probe()).toEqual({ kind: 'failing', reason: 'no answer' });
  }, 20_000);

  it('is refused when the host does not exist', async () => {
    // No name has a label of 64 characters, so no name server is asked.
    const probe = await openBucket(`https://${'a'.repeat(64)}.example`).probe();
    expect(probe).toMatchObject({ kind: 'refused', reason: 'ENOTFOUND' });
  });

  it('does not reveal its address when nothing listens', async () => {
    const bucket = await startBucket(key);
    await bucket[Symbol.asyncDispose]();
    const error = await errorOf(openBucket(bucket.url).write(name, text));
    expect(error).toBeInstanceOf(Error);
    expectNoSecrets((error as Error).message, [bucket.host, key.accessKeyId, key.secretAccessKey]);
  });

  it('gets a retry when it fails, and stores the file when it recovers', async () => {
    await using bucket = await startBucket(key, [answer(500), answer(500)]);
    await openBucket(bucket.url).write(name, text);
    expect(bucket.files.get(name)?.text).toBe(text);
    expect(bucket.requestCount()).toBe(3);
  });

  it('gets at most four attempts', async () => {
    await using bucket = await startBucket(
      key,
      [500, 503, 429, 502].map((status) => answer(status)),
    );
    await expect(openBucket(bucket.url).write(name, text)).rejects.toThrow(/: status 502$/);
    expect([bucket.requestCount(), bucket.files.size]).toEqual([4, 0]);
  });

  it.each([301, 302, 303, 307, 308])('is not followed to a redirect by %i', async (status) => {
    await using stranger = await startBucket(key, [answer(200)]);
    await using bucket = await startBucket(key, [answer(status, { location: `${stranger.url}/${name}` })]);
    const error = await errorOf(openBucket(bucket.url).write(name, text));
    expect(stranger.requestCount()).toBe(0);
    expect(error).toBeInstanceOf(Error);
  });

  it.each(['../beside.jsonl', 'a-job/../../beside.jsonl', '%2e%2e/beside.jsonl'])(
    'refuses the name %s, which leads outside of its prefix',
    async (outside) => {
      await using bucket = await startBucket(key);
      await errorOf(openBucket(`${bucket.url}/a-prefix`).write(outside, text));
      expect([...bucket.files.keys()].filter((path) => !path.startsWith('a-prefix/'))).toEqual([]);
    },
  );
});
