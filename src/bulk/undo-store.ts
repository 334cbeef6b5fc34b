import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { ConfigError, type ProxyConfig } from '../config/config.ts';
import type { UndoStoreConfig } from '../config/shared-config.ts';
import type { Log } from '../log/log.ts';
import { createOutboundFetch } from '../upstream/outbound.ts';

/** What a store does with a file that is only a test. No text says where the store is, or how it is opened. */
export type Probe =
  | { readonly kind: 'kept' }
  /** It says no, and will say so until somebody changes something. */
  | { readonly kind: 'refused'; readonly reason: string; readonly advice: string }
  /** It fails, or does not answer in time. That may be over soon. */
  | { readonly kind: 'failing'; readonly reason: string };

/** Keeps files that are never changed. */
export interface UndoStore {
  /**
   * Keeps a file under a name that no other has; settles when it is as safe as the store can make it.
   * @param name of letters, digits, dots and hyphens; slashes are folders.
   * @throws when it could not be kept. What says where the store is, or how it is opened, is not in the message.
   */
  write(name: string, text: string): Promise<void>;
  /**
   * Writes a test file as {@link UndoStore.write} writes others, within 5 seconds. A folder is empty again afterwards; a
   * bucket keeps one small object, `.write-test`, since whoever may write there may not have the right to delete.
   */
  probe(): Promise<Probe>;
}

/** How long a store may take for one file, with all attempts, in milliseconds. */
const timeoutMs = 30_000;
const maxAttempts = 4;

/** How long a store may take for a test file: a server that starts waits for it. */
const probeTimeoutMs = 5_000;

/** Attempts are so far apart, at random, doubled each time, in milliseconds. */
const delayMs = 100;

/** Nothing that leads to a folder above, or that an address reads in another way. */
const nameForm = /^(?!.*\.\.)[\w.-]+(\/[\w.-]+)*$/;

function checked(name: string): string {
  if (!nameForm.test(name)) throw new Error('no file can have that name');
  return name;
}

/** Writes a folder's names to the disk: a file that is there after a power cut needs its name, too. */
async function sync(path: string): Promise<void> {
  const folder = await open(path);
  await folder.sync().finally(() => folder.close());
}

/** What file systems without hard links answer to one: FAT, and some network and container mounts. */
const hasNoLinks = new Set(['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK']);

/** Gives a written file its name, whole or not at all. Replaces no file of that name. */
async function publish(part: string, file: string): Promise<void> {
  try {
    await link(part, file);
  } catch (error) {
    if (!hasNoLinks.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // A rename replaces what is there: so the name is taken first, and nothing but that is replaced.
    const taken = await open(file, 'wx', 0o600);
    await taken.close();
    await rename(part, file).catch(async (cause) => {
      await rm(file, { force: true });
      throw cause;
    });
  }
}

async function writeFile(file: string, text: string): Promise<void> {
  const firstMade = await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const part = `${file}.part`;
  const unfinished = await open(part, 'wx', 0o600);
  try {
    await unfinished
      .writeFile(text)
      .then(() => unfinished.sync())
      .finally(() => unfinished.close());
    await publish(part, file);
  } finally {
    await rm(part, { force: true });
  }
  // Each folder that may be new, and the one that names the first of these.
  const top = dirname(firstMade ?? file);
  for (let folder = dirname(file); folder.length >= top.length; folder = dirname(folder)) await sync(folder);
}

/** What to do about a folder that does not take a file, by the error's code. */
const folderAdvice: Readonly<Record<string, string>> = {
  EACCES: 'give the user that the server runs as the right to write there',
  EPERM: 'give the user that the server runs as the right to write there',
  EROFS: 'mount it for writing, or name another folder',
  ENOSPC: 'free space, or name another folder',
  EDQUOT: 'free space, or name another folder',
  ENOENT: 'create the folder, or name another',
  ENOTDIR: 'a part of its path is a file: name another folder',
  EEXIST: 'a part of its path is a file: name another folder',
};

function createFolder(path: string): UndoStore {
  /** In a folder of its own, as the files of a bulk delete are. */
  async function writeTest(): Promise<Probe> {
    const folder = join(path, `.write-test-${randomUUID()}`);
    try {
      await writeFile(join(folder, 'file'), 'It can be written.\n');
      return { kind: 'kept' };
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException;
      return { kind: 'refused', reason: code, advice: folderAdvice[code] ?? 'name another folder' };
    } finally {
      await rm(folder, { recursive: true, force: true }).catch(() => {});
    }
  }

  return {
    async write(name, text) {
      const written = writeFile(join(path, checked(name)), text).then(() => 'kept');
      // Nothing ends a call that a network's file system does not answer. A file that is kept after all is one too many.
      const end = await Promise.race([
        written.catch(({ code }) => code),
        sleep(timeoutMs, 'no answer', { ref: false }),
      ]);
      if (end !== 'kept') throw new Error(`the folder did not take a file: ${end}`);
    },
    // Nothing ends a call that a network's file system does not answer.
    probe: () =>
      Promise.race([
        writeTest(),
        sleep(probeTimeoutMs, { kind: 'failing', reason: 'no answer' } as const, { ref: false }),
      ]),
  };
}

type BucketConfig = Extract<UndoStoreConfig, { kind: 'bucket' }>;

/** A status that may be another the next time. */
const isPassing = (status: number) => status >= 500 || status === 429 || status === 408;

/** What to do about a bucket that refuses a file, by the status. */
function bucketAdvice(status: number): string {
  if (status === 401 || status === 403) return 'check the AWS_ settings, and that they may put objects there';
  if (status === 404) return 'create the bucket, or correct the address';
  if (status < 400) return 'it is elsewhere: correct the address and AWS_REGION';
  return 'check the address and the AWS_ settings (temporary credentials end)';
}

function createBucket(
  { url, accessKeyId, secretAccessKey, sessionToken, region }: BucketConfig,
  proxy: ProxyConfig | undefined,
): UndoStore {
  const fetchOut = createOutboundFetch(proxy);
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey: secretAccessKey.reveal(),
    ...(sessionToken && { sessionToken: sessionToken.reveal() }),
    region,
    service: 's3',
  });
  const base = url.href.replace(/\/$/, '');

  async function put(address: string, body: string, signal: AbortSignal): Promise<number> {
    const headers = { 'content-type': 'application/jsonl' };
    const signed = await client.sign(address, { method: 'PUT', body, headers });
    const request = { method: 'PUT', headers: [...signed.headers], body };
    // Not by the client's own fetch: the signal of a request that it makes may be collected as garbage, and never end it
    // (github.com/nodejs/undici/issues/4068). And a redirect would send the records to whoever it names.
    const response = await fetchOut(signed.url, { ...request, signal, redirect: 'manual' });
    await response.arrayBuffer();
    return response.ok ? 200 : response.status;
  }

  return {
    async write(name, text) {
      const address = `${base}/${checked(name)}`;
      const signal = AbortSignal.timeout(timeoutMs);
      for (let attempt = 1; ; attempt += 1) {
        const status = await put(address, text, signal);
        if (status === 200) return;
        if (!isPassing(status) || attempt === maxAttempts) throw new Error(`the bucket answered with status ${status}`);
        await sleep(Math.random() * delayMs * 2 ** (attempt - 1), undefined, { signal });
      }
    },
    async probe() {
      try {
        const signal = AbortSignal.timeout(probeTimeoutMs);
        const status = await put(`${base}/.write-test`, 'It can be written.\n', signal);
        if (status === 200) return { kind: 'kept' };
        const reason = `status ${status}`;
        return isPassing(status)
          ? { kind: 'failing', reason }
          : { kind: 'refused', reason, advice: bucketAdvice(status) };
      } catch (error) {
        const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
        if (code === 'ENOTFOUND') return { kind: 'refused', reason: code, advice: 'correct the host in the address' };
        return { kind: 'failing', reason: code ?? 'no answer' };
      }
    },
  };
}

/**
 * Opens the store that the configuration names. Nothing is asked of it before the first file.
 * @param proxy is what a bucket is reached by.
 */
export function openUndoStore(config: UndoStoreConfig, proxy?: ProxyConfig): UndoStore {
  return config.kind === 'folder' ? createFolder(config.path) : createBucket(config, proxy);
}

/**
 * Tries whether the store can be written, before a server listens that would need it. One that fails or does not answer is a
 * warning: its outage must not keep plain deletes from being served.
 * @throws {ConfigError} when it refuses, or cannot ever take a file.
 */
export async function checkUndoStore(config: UndoStoreConfig, log: Log, proxy?: ProxyConfig): Promise<void> {
  const probe = await openUndoStore(config, proxy).probe();
  if (probe.kind === 'refused')
    throw new ConfigError([`UNDO_STORE cannot be written (${probe.reason}): ${probe.advice}`]);
  if (probe.kind === 'failing')
    log.warn(
      { reason: probe.reason },
      'UNDO_STORE does not take files: bulk deletes with snapshots wait until it does',
    );
}
