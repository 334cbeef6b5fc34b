import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { isJsonObject } from '../engagement/body.ts';
import { AnswerRoom } from '../graphql/core/answer-room.ts';
import type { Context } from '../graphql/core/context.ts';
import { documentIdOf, type TrustedDocuments } from '../graphql/documents.ts';
import {
  type OperationRequest,
  type PreparedOperations,
  runPrepared,
} from '../graphql/prepared/prepared-operations.ts';
import type { Values } from '../graphql/prepared/write-result.ts';
import { runTraced } from '../upstream/trace.ts';
import { createServeReport } from './bulk-report.ts';
import { endOfTurn, type Handle } from './connections/listener.ts';
import { refuse } from './connections/refuse.ts';
import { findBadBody } from './connections/request-body.ts';
import { createPages } from './pages/pages.ts';
import { type Admission, admit, type ContextOptions, createContext } from './requests/admit.ts';
import { findBadVariable } from './requests/check-variables.ts';
import { findUnreadable, readAccept } from './requests/headers.ts';
import { createServeWebhook, type ReceiveEvent } from './webhooks.ts';
import { countedElsewhere, type GraphQLHandler } from './yoga.ts';

/** A request whose body Yoga's listener finds here, with its caller, and the context of an operation that was run. */
type ReadRequest = IncomingMessage & { body?: Readable; admission?: Promise<Admission>; context?: Context };

/** A request as a GraphQL client sends it. */
type PlainRequest = OperationRequest & { readonly extensions: unknown };

const plainKeys = new Set(['query', 'documentId', 'operationName', 'variables', 'extensions']);

/** Reads the body. Undefined unless it is a plain request: then Yoga refuses or executes it. */
function readPlainRequest(text: string, findDocument: (json: Values) => unknown): PlainRequest | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(json) || !Object.keys(json).every((key) => plainKeys.has(key))) return undefined;
  const variables = json.variables ?? {};
  const isPlain = isJsonObject(variables) && isJsonObject(json.extensions ?? {});
  const query = findDocument(json);
  if (!isPlain || typeof query !== 'string' || typeof (json.operationName ?? '') !== 'string') return undefined;
  return findBadVariable(variables) === undefined ? ({ ...json, query, variables } as never) : undefined;
}

/**
 * Takes requests in front of Yoga. It serves webhooks, reports and pages, refuses unreadable bodies, and answers prepared operations
 * itself, without objects for request and response. All other operations go to Yoga over the same schema, also those that end with an
 * error: so each error of an operation has one place.
 */
export function createFrontDoor(
  yoga: GraphQLHandler,
  operations: PreparedOperations,
  trusted: TrustedDocuments | undefined,
  options: ContextOptions,
  receiveEvent: ReceiveEvent | undefined,
): Handle {
  const servePage = createPages(options.config, options.log);
  const serveReport = createServeReport(options);
  const serveWebhook = createServeWebhook(receiveEvent);
  const trustsOnly = options.config.trustedDocuments?.only === true;
  /** The document, or the trusted document of its id. Undefined when Yoga has to refuse it. */
  const findDocument = (json: Values): unknown => {
    if (json.query === undefined) return trusted?.get(documentIdOf(json) ?? '');
    return trustsOnly || json.documentId !== undefined ? undefined : json.query;
  };

  /** True when it has answered. */
  async function runHere(request: ReadRequest, response: ServerResponse, text: string): Promise<boolean> {
    const { headers } = request;
    const { singleType } = readAccept(headers.accept ?? null);
    if (singleType === undefined || request.url !== '/graphql') return false;
    const plain = readPlainRequest(text, findDocument);
    const prepared = plain && operations.find(plain);
    if (!prepared) return false;
    const startMs = performance.now();
    const header = (name: string) => headers[name]?.toString() ?? null;
    // No object with an accessor: V8 makes a shape for each, which holds the request in memory for a long time.
    const hasCallerLeft = () => response.destroyed;
    let context: Context;
    try {
      // Stored for Yoga: a token that is refused counts once.
      request.admission = admit(header('authorization'), options);
      const admission = await request.admission;
      if (admission.caller === null) return false;
      context = createContext({ header, hasCallerLeft, extensions: plain.extensions }, options, admission);
    } catch {
      return false;
    }
    const { text: answer, given } = await runPrepared(prepared, plain.variables, context);
    context.chunkDeliveries.close();
    if (answer === undefined) {
      // Also the caller, whose token may have expired meanwhile, and the records that were read.
      request.context = { ...context, given, answerRoom: new AnswerRoom(context.maxUpstreamBytes) };
      return false;
    }
    for (const { name } of prepared.fields)
      if (!countedElsewhere.has(name)) options.metrics.countField(name, 'ok', performance.now() - startMs);
    await endOfTurn();
    response.setHeader('Content-Type', `${singleType}; charset=utf-8`);
    const byteCount = Buffer.byteLength(answer);
    response.setHeader('Content-Length', byteCount);
    // ASCII is written as it is; Node encodes anything else, in three times the time.
    response.end(answer, byteCount === answer.length ? 'latin1' : 'utf8');
    return true;
  }

  function receive(request: ReadRequest, response: ServerResponse, body: Buffer): void {
    const { headers, method } = request;
    if (serveWebhook(request, response, body) || serveReport(request, response) || servePage(request, response)) return;
    const isReadable = findUnreadable(headers['content-type'], headers['content-encoding']) === undefined;
    if (method !== 'POST' || !isReadable) return void yoga(request, response);
    const bad = findBadBody(body);
    if (bad) return void refuse(request, response, bad);
    // Yoga accepts it in one spelling only.
    headers['content-type'] = 'application/json';
    runHere(request, response, body.toString())
      .then((isAnswered) => {
        // Yoga does not notice a response that is already closed.
        if (isAnswered || response.destroyed) return;
        // As a stream: Yoga's adapter counts the keys of anything else, and a text has one for each character.
        request.body = Readable.from([body]);
        yoga(request, response);
      })
      .catch((error) => {
        options.log.error({ err: error }, 'a request got no answer');
        response.destroy();
      });
  }

  return (request, response, body) => {
    const end = runTraced(`${request.method} /graphql`, request.headers, () => receive(request, response, body));
    if (end) response.once('close', () => end(response.statusCode));
  };
}
