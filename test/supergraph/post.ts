import { fetchGraphQL } from '../support/fetch-graphql.ts';
/** What a GraphQL server answered. */
export interface PostAnswer {
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads fields of a document it wrote itself.
  readonly body: any;
}

/** Posts an operation the way a GraphQL client does. */
export async function post(
  url: string,
  query: string,
  variables: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<PostAnswer> {
  const response = await fetchGraphQL(url, query, { variables, headers: { accept: 'application/json', ...headers } });
  const text = await response.text();
  return { text, body: JSON.parse(text) };
}
