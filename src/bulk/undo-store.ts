import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { ConfigError, type ProxyConfig, type UndoStoreConfig } from '../config/config.ts';
import type { Log } from '../log/log.ts';
import { createOutboundFetch } from '../upstream/outbound.ts';

/** How a store responds to a file. No text reveals its location or its keys. */
type Probe =
  | { readonly kind: 'kept' }
  /** It refuses, until the operator changes something. */
  | { readonly kind: 'refused'; readonly reason: string; readonly advice: string }
  /** It fails, or does not answer in time. A retry may help. */
  | { readonly kind: 'failing'; readonly reason: string };

/** Stores undo files, which are never changed. */
export interface UndoStore {
  /**
   * Stores a file under a unique name (letters, digits, dots, hyphens; slashes are folders), and waits until it is durable.
   * @throws when it could not be stored. The message reveals neither the store's location nor its keys.
   */
  write(name: string, text: string): Promise<void>;
  /**
   * Writes a test file like {@link UndoStore.write}, within 5 seconds. A folder is empty again afterwards. A bucket keeps one small
   * object, `.write-test`: its keys need no right to delete.
   */
  probe(): Promise<Probe>;
}

type Put = (name: string, text: string, signal: AbortSignal) => Promise<Probe>;

/** How long a store may take for one file, with all attempts, in milliseconds. */
const timeoutMs = 30_000;
const maxAttempts = 4;

/** How long a store may take for a test file, in milliseconds. The start of the server waits for it. */
const probeTimeoutMs = 5_000;

/** The longest wait before the second attempt, in milliseconds. It doubles each time; the wait is random. */
const delayMs = 100;

/** True for a name that leads to no folder above, and means the same in a URL. */
const isName = (name: string) => name.split('/').every((part) => /^[\w.-]+$/.test(part) && !part.includes('..'));

/** Flushes a folder's names to the disk: after a power cut, a file also needs its name. */
async function sync(path: string): Promise<void> {
  const folder = await open(path);
  await folder.sync().finally(() => folder.close());
}

/** The error codes of file systems without hard links: FAT, and some network and container mounts. */
const hasNoLinks = new Set(['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK']);

/** Gives a written file its final name, atomically. Replaces no other file. */
async function publish(part: string, file: string): Promise<void> {
  try {
    await link(part, file);
  } catch (error) {
    if (!hasNoLinks.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // A rename replaces an existing file. So the name is reserved first, and only that empty file is replaced.
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
  // Each folder that may be new, and the parent of the first.
  const top = dirname(firstMade ?? file);
  for (let folder = dirname(file); folder.length >= top.length; folder = dirname(folder)) await sync(folder);
}

const noRight = "give the server's user the right to write there";
const noSpace = 'free some space, or set another folder';
const isFile = 'a part of its path is a file: set another folder';

/** How to fix a folder that does not accept a file, by error code. */
const folderAdvice: Readonly<Record<string, string>> = {
  ...{ EACCES: noRight, EPERM: noRight, ENOSPC: noSpace, EDQUOT: noSpace, ENOTDIR: isFile, EEXIST: isFile },
  EROFS: 'mount it for writing, or set another folder',
  ENOENT: 'create the folder, or set another',
};

function createFolderPut(path: string): Put {
  return (name, text, signal) => {
    const written = writeFile(join(path, name), text).then(
      (): Probe => ({ kind: 'kept' }),
      ({ code = 'unknown error' }): Probe => {
        return { kind: 'refused', reason: code, advice: folderAdvice[code] ?? 'set another folder' };
      },
    );
    // A call to a network file system that does not answer cannot be ended. It may still store the file: that does no harm.
    const late = once(signal, 'abort').then((): Probe => ({ kind: 'failing', reason: 'no answer' }));
    return Promise.race([written, late]);
  };
}

/** How to fix a bucket that refuses a file, by status. */
function bucketAdvice(status: number): string {
  if (status === 401 || status === 403) return 'check the AWS_ settings, and their right to put objects there';
  if (status === 404) return 'create the bucket, or correct the address';
  if (status < 400) return 'it is in another region: correct the address and AWS_REGION';
  return 'check the address and the AWS_ settings (temporary credentials expire)';
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
      // Not the client's own fetch: its request's signal may be garbage-collected, and then never ends it
      // (github.com/nodejs/undici/issues/4068). A redirect would send the records elsewhere.
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

/** Opens the configured store; a bucket through the proxy. Sends nothing before the first file. */
export function openUndoStore(config: UndoStoreConfig, proxy?: ProxyConfig): UndoStore {
  const put = config.kind === 'folder' ? createFolderPut(config.path) : createBucketPut(config, proxy);
  return {
    async write(name, text) {
      if (!isName(name)) throw new Error('not a valid file name');
      const signal = AbortSignal.timeout(timeoutMs);
      for (let attempt = 1; ; attempt += 1) {
        const end = await put(name, text, signal);
        if (end.kind === 'kept') return;
        if (end.kind === 'refused' || attempt === maxAttempts || signal.aborted)
          throw new Error(`the undo store did not accept a file: ${end.reason}`);
        await sleep(Math.random() * delayMs * 2 ** (attempt - 1));
      }
    },
    async probe() {
      // In its own folder, like the files of a bulk delete.
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
 * Writes a test file before the server listens. An outage is only a warning: it must not prevent plain deletes.
 * @throws {ConfigError} when the store refuses it.
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
      'UNDO_STORE accepts no files now: bulk deletes with snapshots wait until it does',
    );
}
