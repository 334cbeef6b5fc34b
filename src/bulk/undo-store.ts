import { link, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import type { ProxyConfig } from '../config.ts';
import type { UndoStoreConfig } from '../shared-config.ts';
import { createOutboundFetch } from '../upstream/outbound.ts';

/** Keeps files that are never changed. */
export interface UndoStore {
  /**
   * Keeps a file under a name that no other has; settles when it is as safe as the store can make it.
   * @param name of letters, digits, dots and hyphens; slashes are folders.
   * @throws when it could not be kept. What says where the store is, or how it is opened, is not in the message.
   */
  write(name: string, text: string): Promise<void>;
}

/** How long a bucket may take for one file, with all attempts, in milliseconds. */
const timeoutMs = 30_000;
const maxAttempts = 4;

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

async function writeFile(file: string, text: string): Promise<void> {
  const firstMade = await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const part = `${file}.part`;
  const unfinished = await open(part, 'wx', 0o600);
  try {
    await unfinished
      .writeFile(text)
      .then(() => unfinished.sync())
      .finally(() => unfinished.close());
    // Whole or not at all; a rename would replace a file of that name.
    await link(part, file);
  } finally {
    await rm(part, { force: true });
  }
  // Each folder that may be new, and the one that names the first of these.
  const top = dirname(firstMade ?? file);
  for (let folder = dirname(file); folder.length >= top.length; folder = dirname(folder)) await sync(folder);
}

function createFolder(path: string): UndoStore {
  return {
    async write(name, text) {
      await writeFile(join(path, checked(name)), text).catch(({ code }) => {
        throw new Error(`the folder did not take a file: ${code}`);
      });
    },
  };
}

type BucketConfig = Extract<UndoStoreConfig, { kind: 'bucket' }>;

function createBucket(
  { url, accessKeyId, secretAccessKey, region }: BucketConfig,
  proxy: ProxyConfig | undefined,
): UndoStore {
  const fetchOut = createOutboundFetch(proxy);
  const client = new AwsClient({ accessKeyId, secretAccessKey: secretAccessKey.reveal(), region, service: 's3' });
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
        const isPassing = status >= 500 || status === 429;
        if (!isPassing || attempt === maxAttempts) throw new Error(`the bucket answered with status ${status}`);
        await sleep(Math.random() * delayMs * 2 ** (attempt - 1), undefined, { signal });
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
