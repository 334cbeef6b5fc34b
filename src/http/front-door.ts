import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { isJsonObject } from '../engagement/body.ts';
import type { Context, GivenResults } from '../graphql/core/context.ts';
import { documentIdOf, type TrustedDocuments } from '../graphql/documents.ts';
import type { OperationRequest, PreparedOperations } from '../graphql/prepared/prepared-operations.ts';
import { runPrepared } from '../graphql/prepared/run-prepared.ts';
import { runTraced } from '../upstream/trace.ts';
import { createServeReport } from './bulk-report.ts';
import type { Handle } from './connections/listener.ts';
import { refuseNoUtf8, refuseTooManyValues } from './connections/refuse.ts';
import { hasTooManyValues } from './connections/request-body.ts';
import { createPages } from './pages/pages.ts';
import { findBadVariable } from './requests/check-variables.ts';
import { type Admission, admit, type ContextOptions, createContext } from './requests/context.ts';
import { findUnreadable, readAccept } from './requests/headers.ts';
import { createServeWebhook, type ReceiveEvent } from './webhooks.ts';
import type { GraphQLHandler } from './yoga.ts';

/** What Yoga's listener looks for on a request whose body has been read already; and what ours hands on with it. */
type ReadRequest = IncomingMessage & { body?: Readable; admission?: Promise<Admission>; given?: GivenResults };

/** A request as a GraphQL client sends it. */
interface PlainRequest extends OperationRequest {
  readonly extensions: unknown;
}

const plainKeys = new Set(['query', 'documentId', 'operationName', 'variables', 'extensions']);

/** The document of the request, or the trusted document of its id. Undefined when Yoga has to refuse it. */
type FindDocument = (json: Readonly<Record<string, unknown>>) => unknown;

/** Reads the body. Undefined unless it is a plain request: then Yoga refuses or executes it. */
function readPlainRequest(text: string, findDocument: FindDocument): PlainRequest | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(json) || !Object.keys(json).every((key) => plainKeys.has(key))) return undefined;
  const { operationName, extensions } = json;
  const variables = json.variables ?? {};
  const query = findDocument(json);
  if (typeof query !== 'string' || typeof (operationName ?? '') !== 'string') return undefined;
  if (!isJsonObject(variables) || !isJsonObject(extensions ?? {})) return undefined;
  if (findBadVariable(variables) !== undefined) return undefined;
  return { query, operationName: operationName as string | null | undefined, variables, extensions };
}

function handOver(yoga: GraphQLHandler, request: ReadRequest, response: ServerResponse, text: string): void {
  // Yoga does not notice a response that is already closed.
  if (response.destroyed) return;
  // As a stream: Yoga's adapter counts the keys of anything else, and a text has one for each character.
  request.body = Readable.from([Buffer.from(text)]);
  yoga(request, response);
}

/**
 * Takes requests in front of Yoga. It runs and answers prepared operations itself, without objects for request and response.
 * Everything else goes to Yoga over the same schema, also every error: so each error has one place.
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
  const findDocument: FindDocument = (json) => {
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
    const { variables, extensions } = plain;
    const header = (name: string) => headers[name]?.toString() ?? null;
    // No object with an accessor: V8 makes a shape for each, which holds the request in memory for a long time.
    const hasCallerLeft = () => response.destroyed;
    let context: Context;
    try {
      // Stored for Yoga: a token that expires meanwhile must not hide the outcome of a delete.
      request.admission = admit(header('authorization'), options);
      context = createContext({ header, hasCallerLeft, extensions }, options, await request.admission);
    } catch {
      return false;
    }
    const end = await runPrepared(prepared, variables, context);
    context.chunkDeliveries.close();
    if (end.kind === 'odd') request.given = end.given;
    if (end.kind !== 'answer') return false;
    response.setHeader('Content-Type', `${singleType}; charset=utf-8`);
    response.setHeader('Content-Length', Buffer.byteLength(end.text));
    response.end(end.text);
    return true;
  }

  async function answer(request: ReadRequest, response: ServerResponse, text: string): Promise<void> {
    if (!(await runHere(request, response, text))) handOver(yoga, request, response, text);
  }

  function receive(request: ReadRequest, response: ServerResponse, body: Buffer): void {
    const { headers, method } = request;
    const isReadable = findUnreadable(headers['content-type'], headers['content-encoding']) === undefined;
    if (serveWebhook(request, response, body) || serveReport(request, response) || servePage(request, response)) return;
    if (method !== 'POST' || !isReadable) return void yoga(request, response);
    // With replacement characters, an id could name another record.
    if (!isUtf8(body)) return void refuseNoUtf8(request, response);
    if (hasTooManyValues(body)) return void refuseTooManyValues(request, response);
    // Yoga accepts it in one spelling only.
    headers['content-type'] = 'application/json';
    answer(request, response, body.toString()).catch((error) => {
      options.log.error({ err: error }, 'a request got no answer');
      response.destroy();
    });
  }

  return (request, response, body) => {
    const end = runTraced(`${request.method} /graphql`, request.headers, () => receive(request, response, body));
    if (end) response.once('close', () => end(response.statusCode));
  };
}
