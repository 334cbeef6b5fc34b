import { type GraphQLSchema, printSchema } from 'graphql';
import {
  createEngagementSchema,
  createEngagementServer,
  type EngagementDelete,
  type EngagementDeleteResult,
  printEngagementSchema,
} from 'truto-engagements-graphql';
import { type Config, ConfigError, parseConfig } from 'truto-engagements-graphql/config';

/* A program that uses the installed package. test/library.test.ts type-checks and runs it in a separate project. */

const lines: string[] = [];
const server = createEngagementServer({ PORT: 0, SANDBOX: true }, { logTo: { write: (line) => lines.push(line) } });
const url: string = await server.listen();

const query = `mutation ($id: ID!, $account: ID!) {
  deleteEngagement(id: $id, integratedAccountId: $account) { __typename ... on DeleteEngagementSuccess { outcome } }
}`;
const variables = { id: '6e66c87e5cd13c3c79a3ae09', account: '00000000-0000-4000-8000-000000000012' };
const response = await fetch(`${url}/graphql`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query, variables }),
});
const answer = await response.json();
const asked: EngagementDelete = { id: 'none', integratedAccountId: variables.account };
const direct: EngagementDeleteResult = await server.deleteEngagement(asked);
const found: boolean | undefined = direct.kind === 'NotFoundError' ? direct.accountFound : undefined;
const mounted: Response = await server.fetch(new Request(url, { method: 'POST' }));
const context: object = await server.createContext(new Request(url));
const again = await server.listen();
await server.close();
await server.close();

const schema: GraphQLSchema = createEngagementSchema({ dialect: 'stitching', typePrefix: 'Crm' });
const config: Config = parseConfig({ PORT: '0' });
const other = createEngagementServer(config, { logTo: { write: () => {} } });
await other.listen();
await other.close();

let problems: readonly string[] = [];
try {
  createEngagementServer({ PORT: 'canary', AUTH_MODE: 'service' });
} catch (error) {
  if (error instanceof ConfigError) problems = error.problems;
}
let unknownSetting = '';
try {
  // @ts-expect-error There is no such setting.
  createEngagementServer({ PROT: 0 });
} catch (error) {
  unknownSetting = String(error);
}

// biome-ignore lint/suspicious/noConsole: a program without Node's types has no other way to say something.
console.log(
  JSON.stringify({
    answer,
    found,
    mounted: mounted.status,
    isContext: 'caller' in context,
    isSameUrl: again === url,
    logged: lines.filter((line) => line.includes('"msg":"delete"')).length,
    prefixed: printSchema(schema).includes('type CrmContact'),
    federation: printEngagementSchema({ dialect: 'federation' }),
    problems,
    unknownSetting,
  }),
);
