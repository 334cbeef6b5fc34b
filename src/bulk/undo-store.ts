import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { LRUCache } from 'lru-cache';
import { ConfigError, type ProxyConfig, type UndoStoreConfig } from '../config/config.ts';
import { withoutFinalSlash } from '../config/settings.ts';
import type { Log } from '../log/log.ts';
import { createOutboundFetch } from '../upstream/outbound.ts';
import { Permits } from '../upstream/permits.ts';
import { createGroupCommit, type LinePosition, readPieces, syncFolder } from './undo-files.ts';

/** How a store responds to a file. No text reveals its location or its keys. */
type Probe =
  | { readonly kind: 'kept' }
  /** It refuses, until the operator changes something. */
  | { readonly kind: 'refused'; readonly reason: string; readonly advice: string }
  /** It fails, or does not answer in time. A retry may help. */
  | { readonly kind: 'failing'; readonly reason: string };

/** Stores a line, which ends with a newline, durably. Returns the name of its file. @throws without the store's location and keys. */
export type KeepLine = (line: string) => Promise<string>;

/** Stores undo files. A file only grows. After a failure, it is never written again, so a late write of it changes nothing. */
export interface UndoStore {
  /**
   * Opens the undo file of a page for one run of it. In a folder, all pages of a job that have the same hundred share a file.
   * A bucket cannot append: there, each run of a page has its own object, which is stored again with each line.
   */
  openPage(jobId: string, page: number): KeepLine;
  /** Reads an undo file, or a part of it, which is shorter when the file is. @throws without a bucket's location and keys. */
  read(file: string, part?: LinePosition): Promise<AsyncIterable<Uint8Array>>;
  /** Undefined for a bucket. */
  readonly folder: string | undefined;
  /** Writes a test file within 5 seconds, and removes it; not `.write-test` in a bucket, whose keys need no right to delete. */
  probe(): Promise<Probe>;
}

type Put = (name: string, text: string, signal: AbortSignal) => Promise<Probe>;
type Place = Pick<UndoStore, 'openPage' | 'read'> & { readonly put: Put };

/** How long a store may take for a write, with all attempts. */
const timeoutMs = 30_000;
const maxAttempts = 4;
/** How long a store may take for a test file. The start of the server waits for it. */
const probeTimeoutMs = 5_000;
/** The longest wait before the second attempt. It doubles each time; the wait is random. */
const delayMs = 100;
/** How many pages share a file in a folder: 10,000 engagements. */
const pagesPerFile = 100;
/** How many files of a folder are open to be appended to. Further lines of one that is dropped go to a new file. */
const maxFiles = 1_000;
/** How many writes to a folder run at once. Each needs a thread, of which the process has four, also to look up Truto's address. */
const maxWritesAtOnce = 2;
/** An object of this length is not stored again with further lines: each line would transfer all of it. */
const maxObjectLength = 1024 * 1024;

/** True when another file system is mounted at the path. */
async function isMountPoint(path: string): Promise<boolean> {
  const [{ dev }, parent] = await Promise.all([stat(path), stat(dirname(path))]);
  return dev !== parent.dev;
}

/** Creates a folder durably, unless it is there. @throws `ENOENT` when the folder that it is in is missing. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Appends to a file that only this process writes, and that only its user may read. A write that fails may leave a part of a line. */
async function appendFile(file: string, text: string): Promise<void> {
  await makeFolder(dirname(file));
  const handle = await open(file, 'a', 0o600);
  try {
    const isNew = (await handle.stat()).size === 0;
    try {
      await handle.appendFile(text);
      await handle.datasync();
    } catch (error) {
      if (isNew) await rm(file, { force: true });
      throw error;
    }
    if (!isNew) return;
    // Its name in its folder, and that folder's in the store: another process may have made it, and not synced it yet.
    await syncFolder(dirname(file));
    await syncFolder(dirname(dirname(file)));
  } finally {
    await handle.close();
  }
}

/** Opens a file that only this process writes, with retries to new files. @param isWhole stores all of its lines again with each write. */
function openFile(newName: () => string, put: Put, isWhole: boolean): KeepLine {
  const newFile = () => ({ name: newName(), text: '' });
  let file = newFile();
  return createGroupCommit(async (lines) => {
    const signal = AbortSignal.timeout(timeoutMs);
    for (let count = 1; ; count += 1) {
      if (file.text.length > maxObjectLength) file = newFile();
      const text = file.text + lines.join('');
      const end = await put(file.name, text, signal);
      if (end.kind === 'kept') {
        if (isWhole) file.text = text;
        return file.name;
      }
      file = newFile();
      if (end.kind === 'refused' || count === maxAttempts || signal.aborted)
        throw new Error(`the undo store did not accept a file: ${end.reason}`);
      await sleep(Math.random() * delayMs * 2 ** (count - 1));
    }
  });
}

const noRight = "give the server's user the right to write there";
const noSpace = 'free some space, or set another folder';
const isFile = 'a part of its path is a file: set another folder';

const folderAdvice: Readonly<Record<string, string>> = {
  ...{ EACCES: noRight, EPERM: noRight, ENOSPC: noSpace, EDQUOT: noSpace, ENOTDIR: isFile, EEXIST: isFile },
  EROFS: 'mount it for writing, or set another folder',
  ENOENT: 'create the folder that it is in, or set another',
  ENODEV: 'mount it',
};

function refusedBy(code = 'unknown error'): Probe {
  return { kind: 'refused', reason: code, advice: folderAdvice[code] ?? 'set another folder' };
}

const noAnswer: Probe = { kind: 'failing', reason: 'no answer' };

function openFolder(path: string): Place {
  const permits = new Permits(maxWritesAtOnce, Number.POSITIVE_INFINITY);
  /** Whether it was a mount point at the first write. If it is unmounted, the disk below is not where the files are expected. */
  let wasMounted: boolean | undefined;
  async function write(name: string, text: string): Promise<Probe> {
    const release = await permits.acquire(performance.now() + timeoutMs);
    if (!release) return noAnswer;
    try {
      if (wasMounted && !(await isMountPoint(path))) return refusedBy('ENODEV');
      // Only the store itself is made: a longer path that is missing is most likely a mistake, or not mounted.
      if (wasMounted === undefined) await makeFolder(path);
      await appendFile(join(path, name), text);
      wasMounted ??= await isMountPoint(path);
      return { kind: 'kept' };
    } catch (error) {
      return refusedBy((error as NodeJS.ErrnoException).code);
    } finally {
      release();
    }
  }
  // A call to a network file system that does not answer cannot be ended. It may still store the file: that does no harm.
  const put: Put = (name, text, signal) =>
    Promise.race([write(name, text), once(signal, 'abort').then(() => noAnswer)]);

  const files = new LRUCache<string, KeepLine>({ max: maxFiles });
  return {
    put,
    openPage(jobId, page) {
      const part = String(Math.floor(page / pagesPerFile)).padStart(3, '0');
      const place = `${jobId}/${part}`;
      const file = files.get(place) ?? openFile(() => `${jobId}/${randomUUID()}-${part}.jsonl`, put, false);
      files.set(place, file);
      return file;
    },
    read: async (name, part) => readPieces(join(path, name), part),
  };
}

function bucketAdvice(status: number): string {
  if (status === 401 || status === 403) return 'check the AWS_ settings, and their right to put objects there';
  if (status === 404) return 'create the bucket, or correct the address';
  if (status < 400) return 'it is in another region: correct the address and AWS_REGION';
  return 'check the address and the AWS_ settings (temporary credentials expire)';
}

function openBucket(config: Extract<UndoStoreConfig, { kind: 'bucket' }>, proxy: ProxyConfig | undefined): Place {
  const { url, accessKeyId, secretAccessKey, sessionToken, region } = config;
  const fetchOut = createOutboundFetch(proxy);
  const keys = { accessKeyId, secretAccessKey: secretAccessKey.reveal() };
  const client = new AwsClient({
    ...{ ...keys, region, service: 's3' },
    ...(sessionToken && { sessionToken: sessionToken.reveal() }),
  });
  const base = withoutFinalSlash(url);

  /** Sends a signed request, and reads the response. @throws {Error} whose message is a code. */
  async function request(
    name: string,
    init: { readonly method: string; readonly headers: Record<string, string>; readonly body?: string },
    signal: AbortSignal,
  ) {
    try {
      const signed = await client.sign(`${base}/${name}`, init);
      // Not the client's own fetch: its request's signal may be garbage-collected, and then never ends it
      // (github.com/nodejs/undici/issues/4068). A redirect would send the records elsewhere.
      const headers = [...signed.headers];
      const response = await fetchOut(signed.url, { ...init, headers, signal, redirect: 'manual' });
      return { response, bytes: Buffer.from(await response.arrayBuffer()) };
    } catch (error) {
      const { code = 'no answer' } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      throw new Error(code);
    }
  }

  const put: Put = async (name, body, signal) => {
    try {
      const headers = { 'content-type': 'application/jsonl' };
      const { response } = await request(name, { method: 'PUT', headers, body }, signal);
      if (response.ok) return { kind: 'kept' };
      const { status } = response;
      const reason = `status ${status}`;
      const isPassing = status >= 500 || status === 429 || status === 408;
      return isPassing ? { kind: 'failing', reason } : { kind: 'refused', reason, advice: bucketAdvice(status) };
    } catch (error) {
      const { message: reason } = error as Error;
      if (reason === 'ENOTFOUND') return { kind: 'refused', reason, advice: 'correct the host in the address' };
      return { kind: 'failing', reason };
    }
  };
  return {
    put,
    openPage(jobId, page) {
      return openFile(() => `${jobId}/${String(page).padStart(6, '0')}-${randomUUID()}.jsonl`, put, true);
    },
    async read(name, part) {
      const range = part && `bytes=${part.offsetBytes}-${part.offsetBytes + part.lengthBytes - 1}`;
      const init = { method: 'GET', headers: range ? { range } : {} };
      const { response, bytes } = await request(name, init, AbortSignal.timeout(timeoutMs)).catch((error: Error) => {
        throw new Error(`the undo store did not return a file: ${error.message}`);
      });
      if (!response.ok) throw new Error(`the undo store did not return a file: status ${response.status}`);
      // A server that ignores the range returns all of it.
      const isWhole = !part || response.status === 206;
      return Readable.from([isWhole ? bytes : bytes.subarray(part.offsetBytes, part.offsetBytes + part.lengthBytes)]);
    },
  };
}

/** Opens the configured store; a bucket through the proxy. Sends nothing before the first line. */
export function openUndoStore(config: UndoStoreConfig, proxy?: ProxyConfig): UndoStore {
  const path = config.kind === 'folder' ? config.path : undefined;
  const { put, read, openPage } = config.kind === 'folder' ? openFolder(config.path) : openBucket(config, proxy);
  return {
    ...{ folder: path, read },
    openPage(jobId, page) {
      // It must lead to no other folder, and mean the same in a URL.
      if (!/^[\w-]+$/.test(jobId)) throw new Error('not a valid folder name');
      return openPage(jobId, page);
    },
    async probe() {
      // In its own folder, like the files of a bulk delete.
      const folder = `.write-test-${randomUUID()}`;
      const name = path === undefined ? '.write-test' : `${folder}/file`;
      const end = await put(name, 'It can be written.\n', AbortSignal.timeout(probeTimeoutMs));
      if (path !== undefined) {
        const removed = rm(join(path, folder), { recursive: true, force: true }).catch(() => {});
        if (end.kind !== 'failing') await removed;
      }
      return end;
    },
  };
}

/** Writes a test file before the server listens. An outage is only a warning, since plain deletes need no store. @throws {ConfigError} */
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
