import { readFileSync } from 'node:fs';
import type { GraphiQLOptions } from 'graphql-yoga';
import type { AuthConfig } from '../config.ts';

/** The prepared tabs, in order: `schema/operations/<name>.graphql` with its example variables beside it. */
const tabs = [
  'delete-engagement',
  'delete-with-snapshot',
  'delete-engagement-raw',
  'break-a-rule',
  'dry-run',
  'list-engagements',
  'list-with-people',
  'integrations',
];

function readTab(name: string, headers: string | undefined) {
  const file = (extension: string) =>
    readFileSync(new URL(`../../schema/operations/${name}.${extension}`, import.meta.url), 'utf8');
  return { query: file('graphql'), variables: file('json'), ...(headers !== undefined && { headers }) };
}

/** GraphiQL's options: everything it needs comes from this server, so it works without any other host. */
export function graphiqlOptions({ mode }: AuthConfig): GraphiQLOptions & { readonly variables: string } {
  const headers = mode === 'open' ? undefined : JSON.stringify({ Authorization: 'Bearer <your token>' }, null, 2);
  const defaultTabs = tabs.map((name) => readTab(name, headers));
  // GraphiQL 5 takes the variables of the tab that is open at first from here, not from the tab; Yoga passes every
  // option on, though its type does not name this one.
  const variables = defaultTabs[0]?.variables ?? '';
  return { title: 'Engagements', defaultTabs, variables };
}
