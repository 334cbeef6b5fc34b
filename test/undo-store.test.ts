import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openUndoStore, type UndoStore } from '../src/bulk/undo-store.ts';
import { Secret } from '../src/config/secret.ts';
import { type BucketKey, awsExample as example, type Instead, refuse, startBucket } from './support/bucket.ts';
import { expectNoSecrets } from './support/canary.ts';

const text = '{"id":"1","subject":"Grüße, 世界 🌍"}\n';

const keep = (store: UndoStore, line: string, jobId = 'a-job') => store.openPage(jobId, 1)(line);

const uuid = String.raw`[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}`;

/** What a write throws; undefined when it keeps the file. */
const errorOf = (write: Promise<unknown>): Promise<unknown> =>
  write.then(
    () => undefined,
    (error: unknown) => error,
  );

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
  const path = join(parent, 'undo');
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
  it('stores a line unchanged, creates its folder, and leaves nothing else', async () => {
    await using folder = await startFolder();
    expect(existsSync(folder.path)).toBe(false);
    await keep(folder.store, text);
    const [file = '', ...rest] = await folder.files();
    expect(file).toMatch(new RegExp(`^a-job/${uuid}-000\\.jsonl$`));
    expect(rest).toEqual([]);
    expect(await readFile(join(folder.path, file), 'utf8')).toBe(text);
  });

  it("lets only the server's user read a file", async () => {
    await using folder = await startFolder();
    await keep(folder.store, text);
    const [file = ''] = await folder.files();
    expect(((await stat(join(folder.path, file))).mode & 0o777).toString(8)).toBe('600');
  });

  it('has one file for a hundred pages of a bulk delete, and never one of another process', async () => {
    await using folder = await startFolder();
    const other = openUndoStore({ kind: 'folder', path: folder.path });
    const pages = Array.from({ length: 101 }, (_, page) => page);
    const lines = pages.map((page) => folder.store.openPage('a-job', page)(`{"page":${page}}\n`));
    await Promise.all([...lines, keep(other, text), keep(folder.store, text, 'another')]);
    const files = await folder.files();
    expect(files.map((file) => file.replace(new RegExp(uuid), '')).sort()).toEqual([
      ...['a-job/-000.jsonl', 'a-job/-000.jsonl', 'a-job/-001.jsonl', 'another/-000.jsonl'],
    ]);
    const texts = await Promise.all(files.map((file) => readFile(join(folder.path, file), 'utf8')));
    const first = pages.slice(0, 100).map((page) => `{"page":${page}}\n`);
    expect(texts.sort()).toEqual([text, text, first.join(''), '{"page":100}\n'].sort());
  });

  it('resolves when a line is on the disk, and flushes the lines of many pages together', async () => {
    await using folder = await startFolder();
    const { stdout } = await runProgram(`
      import fs from 'node:fs/promises';
      import { syncBuiltinESMExports } from 'node:module';
      const { open } = fs;
      const { promise: isFlushing, resolve: noteFlush } = Promise.withResolvers();
      const { promise: mayFlush, resolve: flush } = Promise.withResolvers();
      let flushes = 0;
      fs.open = async (path, ...rest) => {
        const handle = await open(path, ...rest);
        const { datasync } = handle;
        handle.datasync = async () => {
          flushes += 1;
          noteFlush();
          await mayFlush;
          return datasync.call(handle);
        };
        return handle;
      };
      syncBuiltinESMExports();
      const { openUndoStore } = await import(${JSON.stringify(module)});
      const store = openUndoStore({ kind: 'folder', path: ${JSON.stringify(folder.path)} });
      let kept = 0;
      const count = () => (kept += 1);
      const first = store.openPage('a-job', 0)('first\\n').then(count);
      await isFlushing;
      const others = Array.from({ length: 99 }, (_, page) => store.openPage('a-job', page)(page + '\\n').then(count));
      console.log(kept, flushes);
      flush();
      await Promise.all([first, ...others]);
      console.log(kept, flushes);`);
    expect(stdout).toBe('0 1\n100 2\n');
  });

  it('keeps its lines when the disk is full, and starts another file after the torn line', async () => {
    await using folder = await startFolder();
    const { stdout } = await runProgram(
      `
      import { openUndoStore } from ${JSON.stringify(module)};
      const store = openUndoStore({ kind: 'folder', path: ${JSON.stringify(folder.path)} });
      const keep = store.openPage('a-job', 1);
      await keep('small\\n');
      await keep('x'.repeat(100_000) + '\\n').catch(() => console.log('not kept'));
      await keep('after\\n');`,
      8,
    );
    expect(stdout).toBe('not kept\n');
    const files = await folder.files();
    expect(files).toHaveLength(2);
    const texts = await Promise.all(files.map((file) => readFile(join(folder.path, file), 'utf8')));
    // Text after the last newline is torn.
    expect(texts.flatMap((kept) => kept.split('\n').slice(0, -1)).sort()).toEqual(['after', 'small']);
  });

  it('leaves no file of which nothing was stored', async () => {
    await using folder = await startFolder();
    const { stdout } = await runProgram(
      `
      import { openUndoStore } from ${JSON.stringify(module)};
      const store = openUndoStore({ kind: 'folder', path: ${JSON.stringify(folder.path)} });
      await store.openPage('a-job', 1)('x'.repeat(100_000) + '\\n').catch(() => console.log('not kept'));`,
      8,
    );
    expect(stdout).toBe('not kept\n');
    expect(await folder.files()).toEqual([]);
  });

  it('stores nothing once its folder is gone, as after an unmount, and continues when it is back', async () => {
    await using folder = await startFolder();
    await keep(folder.store, text);
    await rename(folder.path, `${folder.path}-away`);
    expect(await errorOf(keep(folder.store, text))).toMatchObject({ message: expect.stringContaining('ENOENT') });
    expect(existsSync(folder.path)).toBe(false);
    await rename(`${folder.path}-away`, folder.path);
    await keep(folder.store, text, 'another');
    expect(await folder.files()).toHaveLength(2);
  });

  it.runIf(process.geteuid?.() === 0 && process.platform === 'linux')(
    'stores nothing below its mount point while nothing is mounted there',
    async () => {
      await using folder = await startFolder();
      await mkdir(folder.path, { recursive: true });
      const run = promisify(execFile);
      await run('mount', ['-t', 'tmpfs', 'tmpfs', folder.path]);
      try {
        await keep(folder.store, text);
      } finally {
        await run('umount', [folder.path]);
      }
      expect(await errorOf(keep(folder.store, text))).toMatchObject({ message: expect.stringContaining('ENODEV') });
      expect(await folder.files()).toEqual([]);
    },
  );

  it('stores the lines of one bulk delete although those of another cannot be stored', async () => {
    await using folder = await startFolder();
    await keep(folder.store, text, 'first');
    await writeFile(join(folder.path, 'bad-job'), 'a file in the way');
    const [good, bad] = [keep(folder.store, text), keep(folder.store, text, 'bad-job')].map(errorOf);
    expect(await bad).toBeInstanceOf(Error);
    expect(await good).toBeUndefined();
  });

  it('leaves threads to the rest of the process when its file system never answers', async () => {
    await using folder = await startFolder();
    const { stdout } = await runProgram(`
      import { execFileSync } from 'node:child_process';
      import { lookup } from 'node:dns/promises';
      import fs from 'node:fs/promises';
      import { openSync } from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      const { open } = fs;
      const pipe = ${JSON.stringify(join(folder.parent, 'pipe'))};
      execFileSync('mkfifo', [pipe]);
      // Without a reader, it blocks a thread.
      fs.open = () => open(pipe, 'a');
      syncBuiltinESMExports();
      AbortSignal.timeout = () => {
        const ending = new AbortController();
        setTimeout(() => ending.abort(), 100);
        return ending.signal;
      };
      const { openUndoStore } = await import(${JSON.stringify(module)});
      const store = openUndoStore({ kind: 'folder', path: ${JSON.stringify(folder.path)} });
      for (let round = 0; round < 3; round += 1)
        await Promise.all(['a', 'b', 'c', 'd', 'e'].map((job) => store.openPage(job, 0)('x\\n').catch(() => {})));
      await lookup('localhost');
      console.log('looked up');
      openSync(pipe, 'r+');
      process.exit();`);
    expect(stdout).toBe('looked up\n');
  });

  it.each(['..', 'a-job/..', '../beside'])('refuses the bulk delete %s, which leads outside', async (outside) => {
    await using folder = await startFolder();
    expect(() => folder.store.openPage(outside, 1)).toThrow('not a valid folder name');
  });

  it('passes the probe, which creates it and leaves it empty', async () => {
    await using folder = await startFolder();
    expect(await folder.store.probe()).toEqual({ kind: 'kept' });
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.each<[string, string, (parent: string) => string]>([
    ['EACCES', 'that its user may not write to', (parent) => `await fs.chmod(${JSON.stringify(parent)}, 0o500);`],
    ['ENOENT', 'whose parent is missing', (parent) => `await fs.rmdir(${JSON.stringify(parent)});`],
    [
      'ENOTDIR',
      'in the place of a file',
      (parent) => `await fs.writeFile(${JSON.stringify(join(parent, 'undo'))}, '');`,
    ],
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
      fs.open = () => new Promise(() => {});
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
    const error = await errorOf(keep(folder.store, text));
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

it.each([
  [200, 'is right', example.signature, example.body],
  [403, 'is wrong', example.signature.replace('9', '8'), example.body],
  [403, 'is of another body', example.signature, `${example.body}.`],
])(
  'the bucket of these tests answers %i when the signature of the example by AWS %s',
  async (expected, _how, signature, body) => {
    await using bucket = await startBucket(example.key);
    const target = { method: 'PUT', path: example.path, headers: example.headers(signature) };
    const status = await new Promise((resolve, reject) => {
      const put = request(new URL(bucket.url).origin, target, ({ statusCode }) => resolve(statusCode));
      put.once('error', reject).end(body);
    });
    expect(status).toBe(expected);
  },
);

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
    await keep(store, text);
    expect([...bucket.files.values()]).toMatchObject([{ text, contentType: 'application/jsonl' }]);
    const [name = ''] = bucket.files.keys();
    expect(name.slice(0, prefix.length)).toBe(prefix);
    expect(name.slice(prefix.length)).toMatch(new RegExp(`^a-job/000001-${uuid}\\.jsonl$`));
  });

  it('has one object for each run of a page, whole after each line', async () => {
    await using bucket = await startBucket(key);
    const store = openBucket(bucket.url);
    const [one, again, other] = [store.openPage('a-job', 1), store.openPage('a-job', 1), store.openPage('a-job', 2)];
    const texts = () => [...bucket.files.values()].map((file) => file.text);
    await one('1\n');
    expect(texts()).toEqual(['1\n']);
    await Promise.all([one('2\n'), one('3\n')]);
    expect(texts()).toEqual(['1\n2\n3\n']);
    await again('4\n');
    await other('5\n');
    expect(texts()).toEqual(['1\n2\n3\n', '4\n', '5\n']);
    // Lines that come together are stored together.
    expect(bucket.requestCount()).toBe(4);
  });

  it('does not store a large object again with each further line', async () => {
    await using bucket = await startBucket(key);
    const line = openBucket(bucket.url).openPage('a-job', 1);
    const large = `${'x'.repeat(1024 * 1024)}\n`;
    await line(large);
    await line('1\n');
    await line('2\n');
    expect([...bucket.files.values()].map((file) => file.text)).toEqual([large, '1\n2\n']);
  });

  it('keeps the lines that were stored when a later write of the same page fails', async () => {
    await using bucket = await startBucket(key, [undefined, answer(400)]);
    const line = openBucket(bucket.url).openPage('a-job', 1);
    await line('1\n');
    expect(await errorOf(line('2\n'))).toBeInstanceOf(Error);
    await line('3\n');
    // A write that has failed may still arrive: its object is not written again.
    expect([...bucket.files.values()].map((file) => file.text)).toEqual(['1\n', '3\n']);
  });

  it('signs everything except the body, which https protects', async () => {
    await using bucket = await startBucket(key);
    await keep(openBucket(bucket.url), text);
    expect([...bucket.files.values()][0]?.payload).toBe('UNSIGNED-PAYLOAD');
  });

  it.each<[string, Partial<BucketKey>, Instead[]]>([
    ['a wrong secret', { secretAccessKey: 'canary-of-a-wrong-secret' }, []],
    ['a wrong key', { accessKeyId: 'canary-of-a-wrong-key' }, []],
    ['a wrong region', { region: 'another-region-1' }, []],
    ['whom it refuses', {}, [(response) => refuse(response, 'AccessDenied', 'Access Denied')]],
  ])('stores nothing for %s, and its error reveals neither address nor keys', async (_who, mine, instead) => {
    await using bucket = await startBucket(key, instead);
    const used = { ...key, ...mine };
    const error = await errorOf(keep(openBucket(`${bucket.url}/a-prefix`, used), text));
    expect(error).toMatchObject({ message: expect.stringMatching(/: status 403$/) });
    expectNoSecrets(String((error as Error).stack), [bucket.host, 'a-prefix', used.accessKeyId, used.secretAccessKey]);
    expect([bucket.requestCount(), bucket.files.size]).toEqual([1, 0]);
  });

  it('accepts temporary credentials with a signed session token, and refuses them without', async () => {
    const temporary = { ...key, sessionToken: 'canary/session+token==' };
    await using bucket = await startBucket(temporary);
    await keep(openBucket(bucket.url, temporary), text);
    expect([...bucket.files.values()][0]?.text).toBe(text);
    await expect(keep(openBucket(bucket.url, key), text)).rejects.toThrow('status 403');
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
    const error = await errorOf(keep(openBucket(bucket.url), text));
    expect(error).toBeInstanceOf(Error);
    expectNoSecrets((error as Error).message, [bucket.host, key.accessKeyId, key.secretAccessKey]);
  });

  it('gets a retry when it fails, and stores the file when it recovers', async () => {
    await using bucket = await startBucket(key, [answer(500), answer(500)]);
    await keep(openBucket(bucket.url), text);
    expect([...bucket.files.values()].map((file) => file.text)).toEqual([text]);
    expect(bucket.requestCount()).toBe(3);
  });

  it('gets at most four attempts', async () => {
    await using bucket = await startBucket(
      key,
      [500, 503, 429, 502].map((status) => answer(status)),
    );
    await expect(keep(openBucket(bucket.url), text)).rejects.toThrow(/: status 502$/);
    expect([bucket.requestCount(), bucket.files.size]).toEqual([4, 0]);
  });

  it.each([301, 302, 303, 307, 308])('is not followed to a redirect by %i', async (status) => {
    await using stranger = await startBucket(key, [answer(200)]);
    await using bucket = await startBucket(key, [answer(status, { location: `${stranger.url}/a-file` })]);
    const error = await errorOf(keep(openBucket(bucket.url), text));
    expect(stranger.requestCount()).toBe(0);
    expect(error).toBeInstanceOf(Error);
  });

  it.each(['..', 'a-job/../..', '%2e%2e'])('refuses the bulk delete %s, outside of its prefix', async (outside) => {
    expect(() => openBucket('http://127.0.0.1:1/a-prefix').openPage(outside, 1)).toThrow('not a valid folder name');
  });
});
