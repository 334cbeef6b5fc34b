import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type GraphQLSchema, parse, validate } from 'graphql';
import { z } from 'zod';
import { ConfigError } from '../config/config.ts';
import { parseJson } from '../config/settings.ts';
import { withTypePrefixInText } from './core/dialects.ts';

/** The documents that the operator allows, by id. */
export type TrustedDocuments = ReadonlyMap<string, string>;

const manifest = z.string().transform(parseJson).pipe(z.record(z.string(), z.string()));

const refused = (problem: string) => new ConfigError([`TRUSTED_DOCUMENTS: ${problem}`]);

function readManifest(path: string): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw refused(`${path} cannot be read (${code}): correct the path or its permissions`);
  }
  const { success, data } = manifest.safeParse(text);
  if (!success) throw refused(`${path} must be JSON: an object of documents by their ids`);
  return data;
}

function problemsOf(text: string, schema: GraphQLSchema): readonly string[] {
  try {
    return validate(schema, parse(text)).map(({ message }) => message);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/**
 * Reads a manifest: a JSON object of documents by their ids, as `codegen.ts` and GraphQL Code Generator's client preset write it.
 * @throws {ConfigError} naming every document that the schema does not allow.
 */
export function readTrustedDocuments(path: string, schema: GraphQLSchema): TrustedDocuments {
  const entries = Object.entries(readManifest(resolve(path)));
  const problems = entries.flatMap(([id, text]) =>
    problemsOf(text, schema).map((problem) => `TRUSTED_DOCUMENTS: ${id}: ${problem}`),
  );
  if (problems.length > 0) throw new ConfigError(problems);
  return new Map(entries);
}

interface NamedDocument {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: { readonly persistedQuery?: { readonly sha256Hash?: unknown } | null } | null;
}

/** True for a request with Apollo's `extensions.persistedQuery` and no document. */
export function namesPersistedQuery(params: object): boolean {
  const { query, documentId, extensions } = params as NamedDocument;
  return (query ?? documentId ?? null) === null && (extensions?.persistedQuery ?? null) !== null;
}

/** The id of a request's document: `documentId`, or Apollo's `extensions.persistedQuery.sha256Hash`. */
export function documentIdOf(params: object): string | null {
  const { documentId, extensions } = params as NamedDocument;
  const id = documentId ?? extensions?.persistedQuery?.sha256Hash;
  return typeof id === 'string' ? id : null;
}

/** Reads one of `schema/operations/`, for a schema with that type prefix. */
export function readExample(name: string, typePrefix: string): { readonly query: string; readonly variables: string } {
  const file = (extension: string) =>
    readFileSync(new URL(`../../schema/operations/${name}.${extension}`, import.meta.url), 'utf8');
  return { query: withTypePrefixInText(file('graphql'), typePrefix), variables: file('json') };
}
