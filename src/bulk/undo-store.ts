import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { ConfigError, type ProxyConfig } from '../config/config.ts';
import type { UndoStoreConfig } from '../config/shared-config.ts';
import type { Log } from '../log/log.ts';
import { createOutboundFetch } from '../upstream/outbound.ts';

/** What a store does with a file. No text says where the store is, or how it is opened. */
export type Probe =
  | { readonly kind: 'kept' }
  /** It refuses, and will until somebody changes something. */
  | { readonly kind: 'refused'; readonly reason: string; readonly advice: string }
  /** It fails, or does not answer in time. That may be over soon. */
  | { readonly kind: 'failing'; readonly reason: string };

/** Keeps undo files, which are never changed. */
export interface UndoStore {
  /**
   * Keeps a file under a name that no other has (letters, digits, dots, hyphens; slashes are folders), as safely as the store can.
   * @throws when it could not be kept. The message does not say where the store is, or how it is opened.
   */
  write(name: string, text: string): Promise<void>;
  /**
   * Writes a test file as {@link UndoStore.write} writes others, within 5 seconds. A folder is empty again afterwards; a
   * bucket keeps one small object, `.write-test`, since whoever may write there may not have the right to delete.
   */
  probe(): Promise<Probe>;
}

/** Tries once to keep a file. */
type Put = (name: string, text: string, signal: AbortSignal) => Promise<Probe>;

/** How long a store may take for one file, with all attempts, in milliseconds. */
const timeoutMs = 30_000;
const maxAttempts = 4;

/** How long a store may take for a test file: a server that starts waits for it. */
const probeTimeoutMs = 5_000;

/** Attempts are so far apart, at random, doubled each time, in milliseconds. */
const delayMs = 100;

/** Nothing that leads to a folder above, or that an address reads in another way. */
const isName = (name: string) => name.split('/').every((part) => /^[\w.-]+$/.test(part) && !part.includes('..'));

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

const noRight = 'give the user that the server runs as the right to write there';
const noSpace = 'free space, or name another folder';
const isFile = 'a part of its path is a file: name another folder';

/** What to do about a folder that does not take a file, by the error's code. */
const folderAdvice: Readonly<Record<string, string>> = {
  ...{ EACCES: noRight, EPERM: noRight, ENOSPC: noSpace, EDQUOT: noSpace, ENOTDIR: isFile, EEXIST: isFile },
  EROFS: 'mount it for writing, or name another folder',
  ENOENT: 'create the folder, or name another',
};

function createFolderPut(path: string): Put {
  return (name, text, signal) => {
    const written = writeFile(join(path, name), text).then(
      (): Probe => ({ kind: 'kept' }),
      ({ code = 'unknown error' }): Probe => {
        return { kind: 'refused', reason: code, advice: folderAdvice[code] ?? 'name another folder' };
      },
    );
    // Nothing ends a call that a network's file system does not answer. A file that is kept after all is one too many.
    const late = once(signal, 'abort').then((): Probe => ({ kind: 'failing', reason: 'no answer' }));
    return Promise.race([written, late]);
  };
}

/** What to do about a bucket that refuses a file, by the status. */
function bucketAdvice(status: number): string {
  if (status === 401 || status === 403) return 'check the AWS_ settings, and that they may put objects there';
  if (status === 404) return 'create the bucket, or correct the address';
  if (status < 400) return 'it is elsewhere: correct the address and AWS_REGION';
  return 'check the address and the AWS_ settings (temporary credentials end)';
}

type BucketConfig = Extract<UndoStoreConfig, { kind: 'bucket' }>;

function createBucketPut(config: BucketConfig, proxy: ProxyConfig | undefined): Put {
  const { url, accessKeyId, secretAccessKey, sessionToken, region } = config;
  const fetchOut = createOutboundFetch(proxy);
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey: secretAccessKey.reveal(),
    ...(sessionToken && { sessionToken: sessionToken.reveal() }),
    region,
    service: 's3',
  });
  const base = url.href.replace(/\/$/, '');

  return async (name, body, signal) => {
    const headers = { 'content-type': 'application/jsonl' };
    const signed = await client.sign(`${base}/${name}`, { method: 'PUT', body, headers });
    const request = { method: 'PUT', headers: [...signed.headers], body };
    try {
      // Not by the client's own fetch: the signal of a request that it makes may be collected as garbage, and never end it
      // (github.com/nodejs/undici/issues/4068). And a redirect would send the records to whoever it names.
      const response = await fetchOut(signed.url, { ...request, signal, redirect: 'manual' });
      await response.arrayBuffer();
      if (response.ok) return { kind: 'kept' };
      const { status } = response;
      const reason = `status ${status}`;
      const isPassing = status >= 500 || status === 429 || status === 408;
      return isPassing ? { kind: 'failing', reason } : { kind: 'refused', reason, advice: bucketAdvice(status) };
    } catch (error) {
      const { code = 'no answer' } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      if (code === 'ENOTFOUND') return { kind: 'refused', reason: code, advice: 'correct the host in the address' };
      return { kind: 'failing', reason: code };
    }
  };
}

/** Opens the store that the configuration names; a bucket by the proxy. Nothing is asked of it before the first file. */
export function openUndoStore(config: UndoStoreConfig, proxy?: ProxyConfig): UndoStore {
  const put = config.kind === 'folder' ? createFolderPut(config.path) : createBucketPut(config, proxy);
  return {
    async write(name, text) {
      if (!isName(name)) throw new Error('no file can have that name');
      const signal = AbortSignal.timeout(timeoutMs);
      for (let attempt = 1; ; attempt += 1) {
        const end = await put(name, text, signal);
        if (end.kind === 'kept') return;
        if (end.kind === 'refused' || attempt === maxAttempts || signal.aborted)
          throw new Error(`the undo store did not take a file: ${end.reason}`);
        await sleep(Math.random() * delayMs * 2 ** (attempt - 1));
      }
    },
    async probe() {
      // In a folder of its own, as the files of a bulk delete are.
      const folder = config.kind === 'folder' ? `.write-test-${randomUUID()}` : undefined;
      const name = folder ? `${folder}/file` : '.write-test';
      const end = await put(name, 'It can be written.\n', AbortSignal.timeout(probeTimeoutMs));
      if (config.kind === 'folder' && folder) {
        const removed = rm(join(config.path, folder), { recursive: true, force: true }).catch(() => {});
        if (end.kind !== 'failing') await removed;
      }
      return end;
    },
  };
}

/**
 * Writes a test file before the server listens. An outage is a warning: it must not keep plain deletes from being served.
 * @throws {ConfigError} when it refuses, or cannot ever take a file.
 */
export async function checkUndoStore(config: UndoStoreConfig, log: Log, proxy?: ProxyConfig): Promise<void> {
  const probe = await openUndoStore(config, proxy).probe();
  if (probe.kind === 'refused')
    throw new ConfigError([
      // A bucket's address stays out of the log.
      `UNDO_STORE${config.kind === 'folder' ? ` ${config.path}` : ''} cannot be written (${probe.reason}): ${probe.advice}`,
    ]);
  if (probe.kind === 'failing')
    log.warn(
      { reason: probe.reason },
      'UNDO_STORE does not take files: bulk deletes with snapshots wait until it does',
    );
}
