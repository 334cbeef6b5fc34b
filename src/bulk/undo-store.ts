import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { AwsClient } from 'aws4fetch';
import type { UndoStoreConfig } from '../shared-config.ts';

/** Keeps files that are never changed. */
export interface UndoStore {
  /**
   * Keeps a file; settles when it is as safe as the store can make it.
   * @param name slashes are folders.
   * @throws when it could not be kept. What says where the store is, or how it is opened, is not in the message.
   */
  write(name: string, text: string): Promise<void>;
}

/** How long a store may take for one file, in milliseconds. */
const timeoutMs = 30_000;

/** Files in a folder: written whole under another name, so that there is never half of one. */
function createFolder(path: string): UndoStore {
  return {
    async write(name, text) {
      const file = join(path, name);
      await mkdir(join(file, '..'), { recursive: true });
      const unfinished = await open(`${file}.part`, 'wx', 0o600);
      try {
        await unfinished.writeFile(text);
        await unfinished.sync();
      } finally {
        await unfinished.close();
      }
      await rename(`${file}.part`, file);
    },
  };
}

function createBucket({
  url,
  accessKeyId,
  secretAccessKey,
  region,
}: Extract<UndoStoreConfig, { kind: 'bucket' }>): UndoStore {
  const secret = secretAccessKey.reveal();
  const client = new AwsClient({ accessKeyId, secretAccessKey: secret, region, service: 's3', retries: 3 });
  const base = url.href.replace(/\/$/, '');
  return {
    async write(name, text) {
      const init = { method: 'PUT', body: text, headers: { 'content-type': 'application/jsonl' } };
      const response = await client.fetch(`${base}/${name}`, { ...init, signal: AbortSignal.timeout(timeoutMs) });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`the bucket answered with status ${response.status}`);
    },
  };
}

/** Opens the store that the configuration names. Nothing is asked of it before the first file. */
export function openUndoStore(config: UndoStoreConfig): UndoStore {
  return config.kind === 'folder' ? createFolder(config.path) : createBucket(config);
}
