import { type GraphQLSchema, Kind } from 'graphql';
import type { Plugin, YogaInitialContext } from 'graphql-yoga';
import type { Config } from '../../config/config.ts';
import type { KnownDeletes } from '../../engagement/known-deletes.ts';
import type { AuditEvent, Verb } from '../../engagement/write.ts';
import { AnswerRoom } from '../../graphql/core/answer-room.ts';
import { ChunkDeliveries } from '../../graphql/core/chunk-delivery.ts';
import type { Context } from '../../graphql/core/context.ts';
import { createRecordLoaders, type LimitReads } from '../../graphql/core/record-loaders.ts';
import { type RequestErrorCode, requestError, requestRefusal } from '../../graphql/core/top-level-errors.ts';
import type { Log } from '../../log/log.ts';
import type { Authenticate } from '../callers/authenticate.ts';
import { needsCaller } from './document-limits.ts';
import { findUnreadable, readAccept, readIdempotencyKey } from './headers.ts';

/** The parts of a context that all operations of the process share. */
type SharedPort =
  | ('send' | 'findAccountIntegration' | 'requestMemory' | 'confirmations' | 'bulkDeletes')
  | ('knownDeletes' | 'deletedEvents' | 'confirmIntervalMs' | 'draining');

/** What contexts are made of, for all operations. */
export interface ContextOptions {
  readonly config: Config;
  readonly log: Log;
  readonly authenticate: Authenticate;
  readonly ports: Pick<Context, SharedPort> & { readonly limitReads: LimitReads };
  /** The address of upstream, without a slash at the end. */
  readonly upstreamUrl: string;
  readonly metrics: {
    countRequest(status: number | 'left', durationMs: number): void;
    countField(field: string, result: string, durationMs: number): void;
    countWrite(verb: Verb, event: AuditEvent): void;
  };
}

interface RequestParts {
  readonly header: (name: string) => string | null;
  readonly hasCallerLeft: () => boolean;
  readonly extensions: unknown;
}

/** The caller of an operation, null without an `Authorization` header, and when (by `performance.now()`) it must be answered. */
export type Admission = Pick<Context, 'caller' | 'deadlineAt'>;

/** Identifies the caller before the operation is read, and sets its deadline. @throws {GraphQLError} `UNAUTHENTICATED` for a bad header. */
export async function admit(
  authorization: string | null,
  { config, authenticate }: Pick<ContextOptions, 'config' | 'authenticate'>,
): Promise<Admission> {
  const deadlineAt = performance.now() + config.requestTimeoutMs;
  return { caller: await authenticate(authorization), deadlineAt };
}

/** Adds a delete or create that has ended to the known deletes, if its engagement is deleted. */
export function noteDelete(
  known: KnownDeletes,
  event: Pick<AuditEvent, 'integratedAccountId' | 'engagementId' | 'result' | 'detail'>,
): void {
  const { integratedAccountId, engagementId, result, detail } = event;
  if (engagementId && result === 'DeleteEngagementSuccess' && (detail === 'DELETED' || detail === 'ALREADY_ABSENT'))
    known.note(integratedAccountId, engagementId, detail);
}

/** Makes the context of one operation. @throws {GraphQLError} `BAD_USER_INPUT` for a bad idempotency key. */
export function createContext(
  { header, hasCallerLeft, extensions }: RequestParts,
  { config, log, ports, upstreamUrl, metrics }: ContextOptions,
  { caller, deadlineAt }: Admission,
): Context {
  const requestId = header('x-request-id');
  const idempotencyKey = readIdempotencyKey(header('idempotency-key'), extensions);
  const { maxUpstreamBytes } = config;
  const recordRoom = new AnswerRoom(maxUpstreamBytes);
  const recordLoaders = createRecordLoaders({ caller, deadlineAt, hasCallerLeft, room: recordRoom, ...ports });
  return {
    ...ports,
    caller,
    deadlineAt,
    hasCallerLeft,
    idempotencyKey,
    upstreamUrl,
    maxUpstreamBytes,
    recordLoaders,
    recordRoom,
    readNote: (key, fields) => recordLoaders.read('notes', key, fields),
    answerRoom: new AnswerRoom(maxUpstreamBytes),
    chunkDeliveries: new ChunkDeliveries(),
    recordEnd(verb, event) {
      log.info({ ...event, requestId }, verb);
      metrics.countWrite(verb, event);
      noteDelete(ports.knownDeletes, event);
    },
    recordRepetition: (verb, event) => log.info({ ...event, requestId }, `${verb} repeated`),
  };
}

/** Facts about a request from before Yoga receives it. */
export interface ServerContext {
  /** The request of node:http. The front door may have identified its caller, and run it already. */
  readonly req?: { readonly admission?: Promise<Admission>; readonly context?: Context };
  /** Set before the document is parsed. */
  admission?: Admission;
}

/** The caller of the operation, once {@link useAdmitRequests} has identified it. */
export function admissionOf({ admission }: ServerContext): Admission {
  if (!admission) throw new Error('The request was not admitted.');
  return admission;
}

const sendJson = 'Nothing was executed. Send the operation as JSON in UTF-8, with Content-Type: application/json.';

/** Why the request is refused before its body is parsed; undefined for a request that is accepted. */
function findRefusal({ method, headers }: Request): [RequestErrorCode, headers?: object, message?: string] | undefined {
  if (method !== 'POST') return ['METHOD_NOT_ALLOWED', { allow: 'POST' }];
  const problem = findUnreadable(headers.get('content-type') ?? '', headers.get('content-encoding') ?? '');
  const readable = { accept: 'application/json', 'accept-encoding': 'identity' };
  if (problem !== undefined) return ['UNSUPPORTED_MEDIA_TYPE', readable, `${problem} ${sendJson}`];
  // Yoga would refuse after the execution: the delete would be done, and the caller would get an empty 406.
  const { singleType, takesParts } = readAccept(headers.get('accept'));
  return singleType === undefined && !takesParts ? ['NOT_ACCEPTABLE'] : undefined;
}

/**
 * Accepts operations by `POST` with `application/json` only: requests that a browser sends across sites without a preflight (forms,
 * plain text, links) never reach the executor. Then identifies the caller. A bad token is refused before the document is parsed. A
 * request without a token is refused before validation if a root field needs a caller; skipped and unknown fields count too.
 */
export function useAdmitRequests(
  schema: GraphQLSchema,
  options: ContextOptions,
): Plugin<ServerContext & YogaInitialContext, ServerContext> {
  function refusal(fetchAPI: { Response: typeof Response }, code: RequestErrorCode, extra = {}, message?: string) {
    const { status, body } = requestRefusal(code, message);
    return new fetchAPI.Response(body, { status, headers: { 'content-type': 'application/json', ...extra } });
  }
  return {
    onRequestParse({ request, endResponse, fetchAPI }) {
      const found = findRefusal(request);
      if (found) endResponse(refusal(fetchAPI, ...found));
    },
    async onParams({ request, context }) {
      const { req } = context;
      context.admission =
        req?.context ?? (await (req?.admission ?? admit(request.headers.get('authorization'), options)));
    },
    onParse({ context }) {
      if (admissionOf(context).caller !== null) return undefined;
      return ({ result }) => {
        if (result?.kind !== Kind.DOCUMENT) return;
        // Thrown, not set: Yoga would treat a set error as an error of the document, with another status.
        if (needsCaller(schema, result, context.params.operationName)) throw requestError('UNAUTHENTICATED');
      };
    },
    onResponse({ response, setResponse, fetchAPI }) {
      if (response.status === 404) setResponse(refusal(fetchAPI, 'PATH_NOT_FOUND'));
    },
  };
}
