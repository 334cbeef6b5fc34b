import { defaultKeyPrefix } from './redis-address.ts';
import type { Secret } from './secret.ts';
import type { Name, Values } from './settings.ts';

/** Where undo files are written. */
export type UndoStoreConfig =
  | { readonly kind: 'folder'; readonly path: string }
  /** A bucket of S3, or of a service with its protocol: its address, with an optional prefix to the names of files. */
  | {
      readonly kind: 'bucket';
      readonly url: URL;
      readonly accessKeyId: string;
      readonly secretAccessKey: Secret;
      /** With temporary credentials. */
      readonly sessionToken?: Secret | undefined;
      readonly region: string;
    };

/** The settings for the state that replicas share in Redis, and for bulk deletes. */
export interface SharedConfig {
  /** The address of Redis, with its password. */
  readonly redisUrl: Secret;
  /** The prefix of all keys. */
  readonly keyPrefix: string;
  /** How many processes share the limits. While Redis cannot be reached, each uses its share. */
  readonly replicas: number;
  /** Encrypts callers' tokens while their bulk deletes run; undefined when the server has its own token, or none is set. */
  readonly tokenSecret: Secret | undefined;
  readonly undoStore: UndoStoreConfig | undefined;
}

/** Without Redis these would be ignored, which is a mistake: the operator expects an effect. */
const needRedis: readonly Name[] = ['REDIS_PREFIX', 'REPLICAS', 'BULK_TOKEN_SECRET', 'UNDO_STORE'];

function readUndoStore(values: Values, problems: string[]): UndoStoreConfig | undefined {
  const { UNDO_STORE: store, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = values;
  if (store === undefined) return undefined;
  if (typeof store === 'string') return { kind: 'folder', path: store };
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return {
      kind: 'bucket',
      url: store,
      accessKeyId,
      secretAccessKey,
      sessionToken: values.AWS_SESSION_TOKEN,
      region: values.AWS_REGION ?? 'us-east-1',
    };
  problems.push('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set with an UNDO_STORE that is an address');
  return undefined;
}

/** Reads the settings that need `REDIS_URL`; undefined without it. Mistakes are added to the problems. */
export function readShared(
  values: Values,
  authMode: 'passthrough' | 'service' | 'open' | undefined,
  problems: string[],
): SharedConfig | undefined {
  const { REDIS_URL: redisUrl, REPLICAS: replicas = 1, BULK_TOKEN_SECRET: tokenSecret } = values;
  if (redisUrl === undefined) {
    for (const name of needRedis) if (values[name] !== undefined) problems.push(`${name} is only for REDIS_URL`);
    return undefined;
  }
  if (tokenSecret && authMode !== undefined && authMode !== 'passthrough')
    problems.push('BULK_TOKEN_SECRET is only for AUTH_MODE=passthrough');
  return {
    redisUrl,
    keyPrefix: values.REDIS_PREFIX ?? defaultKeyPrefix,
    replicas,
    tokenSecret,
    undoStore: readUndoStore(values, problems),
  };
}
