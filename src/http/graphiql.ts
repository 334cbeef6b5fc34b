import type { GraphiQLOptions } from 'graphql-yoga';
import type { Config } from '../config.ts';
import { readExample } from '../graphql/example.ts';

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

/** GraphiQL's options: everything it needs comes from this server, so it works without any other host. */
export function graphiqlOptions({ auth, typePrefix }: Config): GraphiQLOptions & { readonly variables: string } {
  const headers = auth.mode === 'open' ? undefined : JSON.stringify({ Authorization: 'Bearer <your token>' }, null, 2);
  const defaultTabs = tabs.map((name) => ({
    ...readExample(name, typePrefix),
    ...(headers !== undefined && { headers }),
  }));
  // GraphiQL 5 takes the variables of the tab that is open at first from here, not from the tab; Yoga passes every
  // option on, though its type does not name this one.
  const variables = defaultTabs[0]?.variables ?? '';
  return { title: 'Engagements', defaultTabs, variables };
}
