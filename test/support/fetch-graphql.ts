import { type DocumentNode, print } from 'graphql';

/** What a request has in addition to its document. */
interface RequestParts {
  readonly variables?: object;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Posts a document to an endpoint, and returns the response as it is. */
export function fetchGraphQL(
  endpoint: string,
  document: string | DocumentNode,
  { variables = {}, headers, ...rest }: RequestParts = {},
): Promise<Response> {
  const query = typeof document === 'string' ? document : print(document);
  return fetch(endpoint, {
    ...{ method: 'POST', body: JSON.stringify({ query, variables }), ...rest },
    headers: { 'content-type': 'application/json', ...headers },
  });
}

/** A response, read. */
export interface GraphQLAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body, untyped on purpose: tests check the fields that they expect. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads fields of a document it wrote itself.
  readonly body: any;
}

/** Sends a GraphQL document, and reads the response. */
export type Post = (
  document: string | DocumentNode,
  variables?: object,
  headers?: Record<string, string>,
) => Promise<GraphQLAnswer>;

/** Posts to an endpoint as GraphQL clients do, by default with these headers. */
export function postTo(endpoint: string, usual: Record<string, string> = {}): Post {
  return async (document, variables = {}, headers = {}) => {
    const response = await fetchGraphQL(endpoint, document, { variables, headers: { ...usual, ...headers } });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
}
