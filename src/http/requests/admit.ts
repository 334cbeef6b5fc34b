import { type GraphQLSchema, Kind } from 'graphql';
import type { Plugin, YogaInitialContext } from 'graphql-yoga';
import { type RequestErrorCode, requestError, requestRefusal } from '../../graphql/core/top-level-errors.ts';
import { type Admission, admit, type ContextOptions } from './context.ts';
import { needsCaller } from './document-limits.ts';
import { findUnreadable, readAccept } from './headers.ts';

/** What is known of a request before Yoga has it. */
export interface ServerContext {
  /** What node:http hands over; the front door may have identified the caller already. */
  readonly req?: { readonly admission?: Promise<Admission> };
  /** Set before the document is parsed. */
  admission?: Admission;
}

/** The caller of the operation, once {@link useAdmitRequests} has identified it. */
export function admissionOf({ admission }: ServerContext): Admission {
  if (!admission) throw new Error('The request was not admitted.');
  return admission;
}

const sendJson = 'Nothing was executed. Send the operation as JSON in UTF-8, with Content-Type: application/json.';

/** Says why the request is refused before its body is parsed; undefined when it is not. */
function findRefusal({
  method,
  headers,
}: Request): [code: RequestErrorCode, headers?: Record<string, string>, message?: string] | undefined {
  if (method !== 'POST') return ['METHOD_NOT_ALLOWED', { allow: 'POST' }];
  const problem = findUnreadable(headers.get('content-type') ?? '', headers.get('content-encoding') ?? '');
  const readable = { accept: 'application/json', 'accept-encoding': 'identity' };
  if (problem !== undefined) return ['UNSUPPORTED_MEDIA_TYPE', readable, `${problem} ${sendJson}`];
  // Yoga finds that out when the result is there: the delete would be done, and its caller would get an empty 406.
  const { singleType, takesParts } = readAccept(headers.get('accept'));
  return singleType === undefined && !takesParts ? ['NOT_ACCEPTABLE'] : undefined;
}

/**
 * Takes operations by `POST` with `application/json` only: what a browser sends across sites without asking (forms, plain text,
 * links) never reaches the executor. Then identifies the caller: a bad token is refused before the document is parsed, and a
 * request without a token before it is validated, if a root field needs a caller. Fields that are skipped count too, and so do
 * fields that the schema does not have.
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
      context.admission = await (context.req?.admission ?? admit(request.headers.get('authorization'), options));
    },
    onParse({ context }) {
      if (admissionOf(context).caller !== null) return undefined;
      return ({ result }) => {
        if (result?.kind !== Kind.DOCUMENT) return;
        // Thrown: of an error that replaces the document, Yoga makes one of the document itself, with another status.
        if (needsCaller(schema, result, context.params.operationName)) throw requestError('UNAUTHENTICATED');
      };
    },
    onResponse({ response, setResponse, fetchAPI }) {
      if (response.status === 404) setResponse(refusal(fetchAPI, 'PATH_NOT_FOUND'));
    },
  };
}
