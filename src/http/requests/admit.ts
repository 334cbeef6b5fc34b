import { type GraphQLSchema, Kind } from 'graphql';
import type { Plugin, YogaInitialContext } from 'graphql-yoga';
import type { Context } from '../../graphql/core/context.ts';
import { type RequestErrorCode, requestError, requestRefusal } from '../../graphql/core/top-level-errors.ts';
import { type Admission, admit, type ContextOptions } from './context.ts';
import { needsCaller } from './document-limits.ts';
import { findUnreadable, readAccept } from './headers.ts';

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
