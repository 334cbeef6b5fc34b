import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { isJsonObject } from '../engagement/body.ts';
import type { Context, GivenResults } from '../graphql/core/context.ts';
import { documentIdOf, type TrustedDocuments } from '../graphql/documents.ts';
import type { PreparedOperations } from '../graphql/prepared/prepared-operations.ts';
import { runPrepared } from '../graphql/prepared/run-prepared.ts';
import { runTraced } from '../upstream/trace.ts';
import type { Handle } from './connections/listener.ts';
import { refuseNoUtf8, refuseTooManyValues } from './connections/refuse.ts';
import { hasTooManyValues } from './connections/request-body.ts';
import { createGraphiQL } from './pages/graphiql.ts';
import { findBadVariable } from './requests/check-variables.ts';
import { type Admission, admit, type ContextOptions, createContext } from './requests/context.ts';
import { findUnreadable, resultTypeFor } from './requests/headers.ts';
import type { GraphQLHandler } from './yoga.ts';

/** A request as a GraphQL client sends it, with nothing in it that only the executor knows to deal with. */
interface PlainRequest {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Record<string, unknown>;
  readonly extensions: Record<string, unknown> | undefined;
}

/** What Yoga's listener looks for on a request whose body has been read already; and what ours hands on with it. */
type ReadRequest = IncomingMessage & { body?: Readable; admission?: Promise<Admission>; given?: GivenResults };

/** Another is no name of an operation, and so part of no document. */
const operationNames = /^[A-Za-z_]\w*$/;

const plainKeys = new Set(['query', 'documentId', 'operationName', 'variables', 'extensions']);

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/** The text of the document: as it came, or as it is trusted; undefined when that is for Yoga to say. */
type FindText = (json: Readonly<Record<string, unknown>>) => unknown;

/** Reads the body; undefined for anything but a plain request, which Yoga then refuses or executes. */
function readPlainRequest(text: string, findText: FindText): PlainRequest | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(json) || !Object.keys(json).every((key) => plainKeys.has(key))) return undefined;
  const { operationName = undefined, variables, extensions } = json;
  const query = findText(json);
  if (typeof query !== 'string') return undefined;
  if (!isAbsent(operationName) && !(typeof operationName === 'string' && operationNames.test(operationName)))
    return undefined;
  if (!isJsonObject(variables ?? {}) || !isJsonObject(extensions ?? {})) return undefined;
  if (findBadVariable(variables) !== undefined) return undefined;
  return {
    query,
    operationName: (operationName as string | null | undefined) ?? undefined,
    variables: (variables ?? {}) as Record<string, unknown>,
    extensions: (extensions ?? undefined) as Record<string, unknown> | undefined,
  };
}

function handOver(yoga: GraphQLHandler, request: ReadRequest, response: ServerResponse, text: string): void {
  // Yoga would not hear of an end that has been.
  if (response.destroyed) return;
  // As a stream: whatever else it is given, Yoga's adapter counts the keys of, and a text has one for each character.
  request.body = Readable.from([Buffer.from(text)]);
  yoga(request, response);
}

function textFinder(trusted: TrustedDocuments | undefined, only: boolean): FindText {
  // Without, a document by its id is for Yoga to refuse.
  if (!trusted) return ({ query, documentId }) => (documentId === undefined ? query : undefined);
  return (json) => {
    if (json.query !== undefined) return only || json.documentId !== undefined ? undefined : json.query;
    return trusted.get(documentIdOf(json) ?? '');
  };
}

/**
 * Takes requests in front of Yoga. An operation that is prepared is run and answered here, without objects for request
 * and response around it; anything else, also every error, goes to Yoga over the same schema, so that there is one place
 * where each thing is said.
 */
export function createFrontDoor(
  yoga: GraphQLHandler,
  operations: PreparedOperations,
  trusted: TrustedDocuments | undefined,
  options: ContextOptions,
): Handle {
  const serveGraphiQL = options.config.exposeSchema ? createGraphiQL(options.config, options.log) : undefined;
  const findText = textFinder(trusted, options.config.trustedDocuments?.only === true);

  async function runHere(
    request: ReadRequest,
    response: ServerResponse,
    text: string,
    resultType: string,
  ): Promise<boolean> {
    const plain = readPlainRequest(text, findText);
    const prepared = plain && operations.find(plain);
    if (!prepared) return false;
    const { headers } = request;
    const { extensions } = plain;
    const header = (name: string) => headers[name]?.toString() ?? null;
    // No object with an accessor: V8 makes a shape for each, which keeps the request in memory for long.
    const hasCallerLeft = () => response.destroyed;
    let context: Context;
    try {
      // Kept for Yoga: a token that expires meanwhile must not hide what was done with it.
      request.admission = admit(header('authorization'), options);
      context = createContext({ header, hasCallerLeft, extensions }, options, await request.admission);
    } catch {
      return false;
    }
    const end = await runPrepared(prepared, plain.variables, context);
    context.chunkDeliveries.close();
    if (end.kind === 'uncovered') return false;
    if (end.kind === 'odd') {
      request.given = end.given;
      return false;
    }
    response.setHeader('Content-Type', `${resultType}; charset=utf-8`);
    response.setHeader('Content-Length', Buffer.byteLength(end.text));
    response.end(end.text);
    return true;
  }

  async function answer(request: ReadRequest, response: ServerResponse, text: string): Promise<void> {
    const resultType = resultTypeFor(request.headers.accept ?? null);
    const isPlain = resultType !== undefined && request.url === '/graphql';
    if (!isPlain || !(await runHere(request, response, text, resultType))) handOver(yoga, request, response, text);
  }

  function receive(request: ReadRequest, response: ServerResponse, body: Buffer): void {
    const { headers, method } = request;
    const isReadable = findUnreadable(headers['content-type'], headers['content-encoding']) === undefined;
    if (serveGraphiQL?.(request, response)) return;
    if (method !== 'POST' || !isReadable) return void yoga(request, response);
    // Read with replacement characters, an id would be another's.
    if (!isUtf8(body)) return void refuseNoUtf8(request, response);
    if (hasTooManyValues(body)) return void refuseTooManyValues(request, response);
    // Yoga knows it in one spelling only.
    headers['content-type'] = 'application/json';
    answer(request, response, body.toString()).catch((error) => {
      options.log.error({ err: error }, 'a request came to no answer');
      response.destroy();
    });
  }

  return (request, response, body) => {
    const end = runTraced(`${request.method} /graphql`, request.headers, () => receive(request, response, body));
    response.once('close', () => end(response.statusCode));
  };
}
