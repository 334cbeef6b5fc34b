import type { GraphiQLOptions } from 'graphql-yoga';
import type { Config } from '../config.ts';
import { readExample } from '../graphql/example.ts';

/** The prepared tabs, in order: `schema/operations/<name>.graphql` with its example variables beside it. */
const tabs = [
  'delete-engagement',
  'delete-with-snapshot',
  'delete-engagement-raw',
  'delete-engagement-stream',
  'delete-engagements',
  'break-a-rule',
  'dry-run',
  'list-engagements',
  'list-with-people',
  'integrations',
];

/** GraphiQL's options: everything it needs comes from this server, so it works without any other host. */
export function graphiqlOptions({ auth, typePrefix }: Config): GraphiQLOptions {
  const headers =
    auth.mode === 'open' ? undefined : JSON.stringify({ Authorization: `Bearer ${tokenPlaceholder}` }, null, 2);
  const defaultTabs = tabs.map((name) => ({
    ...readExample(name, typePrefix),
    ...(headers !== undefined && { headers }),
  }));
  // Subscriptions too: GraphiQL would send those by GET, which is refused here.
  return { title: 'Engagements', defaultTabs, method: 'POST' };
}
