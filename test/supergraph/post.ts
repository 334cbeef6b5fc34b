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
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  return { text, body: JSON.parse(text) };
}
