import { meros } from 'meros/browser';
import type { TestFacade } from './facade.ts';
import { fetchGraphQL } from './fetch-graphql.ts';

/** A streamed delete with that selection of the body's chunks. */
export const streamedDelete = (chunks: string, id = '1') =>
  `deleteEngagement(id: "${id}", integratedAccountId: "a", format: STREAM) { __typename ... on DeleteEngagementSuccess { outcome stream { contentType contentLength ${chunks} } warnings } }`;

/** One part of an incremental result. */
export interface Part {
  data?: { [alias: string]: { stream: { chunks: string[] } } };
  incremental?: {
    items: string[] | null;
    path: (string | number)[];
    label?: string;
    errors?: { message: string; extensions: { code: string } }[];
  }[];
  hasNext: boolean;
}

/** Posts as a client that reads incremental results. */
export async function postForParts(
  facade: TestFacade,
  query: string,
  variables: object = {},
): Promise<AsyncGenerator<Part>> {
  const response = await fetchGraphQL(`${facade.url}/graphql`, query, {
    variables,
    headers: { accept: 'multipart/mixed' },
  });
  const parts = (await meros(response)) as unknown as AsyncGenerator<{ body: Part }>;
  return (async function* () {
    for await (const { body } of parts) yield body;
  })();
}

/** The text of base64 chunks. */
export const decode = (chunks: readonly string[]) =>
  chunks.map((chunk) => Buffer.from(chunk, 'base64').toString()).join('');
/** The parts after the first. */
export const items = (parts: readonly Part[]) => parts.flatMap(({ incremental }) => incremental ?? []);

/** All parts, to the end. */
export async function collect(parts: AsyncGenerator<Part>): Promise<Part[]> {
  const all: Part[] = [];
  for await (const part of parts) all.push(part);
  return all;
}
