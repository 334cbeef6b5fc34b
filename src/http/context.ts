import type { Config } from '../config.ts';
import type { FindAccountIntegration } from '../engagement/integrated-account.ts';
import type { LimitReads } from '../engagement/read-limit.ts';
import { ChunkDeliveries } from '../graphql/chunk-delivery.ts';
import type { Context } from '../graphql/context.ts';
import { createRelatedRecords } from '../graphql/related-records.ts';
import type { Log } from '../log.ts';
import type { Send } from '../upstream/attempt.ts';
import type { Authenticate } from './auth.ts';

/** The ways to upstream, which all operations of the process share. */
export interface UpstreamPorts {
  readonly send: Send;
  readonly findAccountIntegration: FindAccountIntegration;
  readonly limitReads: LimitReads;
}

/** What every operation's context is made with. */
export interface ContextOptions {
  readonly config: Config;
  readonly log: Log;
  readonly authenticate: Authenticate;
  readonly ports: UpstreamPorts;
  /** Where upstream is, without a slash at the end. */
  readonly upstreamUrl: string;
}

/**
 * Makes the context of one operation: its clock starts here.
 * @throws {GraphQLError} `UNAUTHENTICATED` for an `Authorization` header that proves nothing.
 */
export async function createContext(
  { headers, signal }: Request,
  { config, log, authenticate, ports, upstreamUrl }: ContextOptions,
): Promise<Context> {
  const deadlineAt = Date.now() + config.requestTimeoutMs;
  const caller = await authenticate(headers.get('authorization'));
  const relatedRecords = createRelatedRecords({ caller, deadlineAt, ...ports });
  return {
    ...ports,
    caller,
    deadlineAt,
    upstreamUrl,
    relatedRecords,
    readNote: (key, fields) => relatedRecords.read('notes', key, fields),
    maxUpstreamBytes: config.maxUpstreamBytes,
    chunkDeliveries: new ChunkDeliveries(),
    hasCallerLeft: () => signal.aborted,
    recordDelete: (record) => log.info(record, 'delete'),
  };
}
