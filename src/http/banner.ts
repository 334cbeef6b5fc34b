import type { Config } from '../config/config.ts';
import { withoutFinalSlash } from '../config/settings.ts';
import { withTypePrefixInText } from '../graphql/core/dialects.ts';

/** A request to paste into a shell, with its headers in the quotes that the shell needs. */
type Example = { purpose: string; headers: readonly string[]; query: string; variables: object };

/** What the request is for, and its command. curl takes line breaks out of what it reads by `@-`, so JSON texts have none. */
function describeExample(url: string, { typePrefix, trustedDocuments }: Config, example: Example): string {
  if (trustedDocuments?.only) return '  documents only those in TRUSTED_DOCUMENTS, by their ids\n';
  const headers = ["'content-type: application/json'", ...example.headers];
  const given = headers.map((header) => ` \\\n  -H ${header}`).join('');
  const query = withTypePrefixInText(example.query, typePrefix).trim();
  const body = `{"query": "${query}",\n"variables": ${JSON.stringify(example.variables)}}`;
  return `  ${example.purpose}\n\ncurl '${url}/graphql'${given} -d @- <<'EOF'\n${body}\nEOF\n`;
}

const deletion = `
mutation ($id: ID!, $account: ID!, $type: EngagementType) {
  deleteEngagement(id: $id, integratedAccountId: $account, engagementType: $type) {
    __typename
    ... on DeleteEngagementSuccess { outcome engagement { subject } }
    ... on Error { message }
  }
}`;

const dryRun = `
mutation ($id: ID!, $account: ID!) {
  deleteEngagement(id: $id, integratedAccountId: $account, dryRun: true) {
    __typename
    ... on DeleteEngagementPlan { wouldBeSent integration { name } findings { message } }
    ... on DeleteEngagementSuccess { outcome }
    ... on Error { message }
  }
}`;

const callerJwtHeader = '"authorization: Bearer $CALLER_JWT"';

/** Over the embedded sandbox: its accounts, and a delete that works as it is. */
async function describeSandbox(url: string, sandboxUrl: URL, config: Config): Promise<string> {
  const [{ sandboxToken }, { describeSamples, sampleEngagements }] = await Promise.all([
    import('../sandbox/accounts.ts'),
    import('../sandbox/seed.ts'),
  ]);
  const samples = sampleEngagements();
  const { engagementId: id, accountId: account, engagementType } = samples[0] ?? {};
  const variables = { id, account, type: engagementType?.toUpperCase() };
  const { tokens, headers } = {
    open: { tokens: `callers need none; the sandbox's own is ${sandboxToken}`, headers: [] },
    passthrough: {
      tokens: `callers send the sandbox's own: ${sandboxToken}`,
      headers: [`'authorization: Bearer ${sandboxToken}'`],
    },
    service: {
      tokens: `callers send a JWT; TRUTO_API_TOKEN must be the sandbox's own: ${sandboxToken}`,
      headers: [callerJwtHeader],
    },
  }[config.auth.mode];
  const purpose = `Delete an engagement${config.auth.mode === 'service' ? ', with $CALLER_JWT set to a JWT of one of your callers' : ''}:`;
  return `
  upstream  the embedded sandbox at ${sandboxUrl.origin}: invented data, nothing real is deleted
  token     ${tokens}

${describeSamples(samples)}

${describeExample(url, config, { purpose, headers, query: deletion, variables })}`;
}

/** With a real upstream: a request that deletes nothing, with names in the place of what this server cannot know. */
function describeUpstream(url: string, upstream: URL, config: Config): string {
  const [variable, owner, header] =
    config.auth.mode === 'service'
      ? ['$CALLER_JWT', 'a JWT of one of your callers', callerJwtHeader]
      : ['$TRUTO_API_TOKEN', 'a token of Truto', '"authorization: Bearer $TRUTO_API_TOKEN"'];
  const purpose = `Check a delete without sending it. Set ${variable} to ${owner}, and put your ids in. Without dryRun, it deletes.`;
  const variables = { id: 'AN_ENGAGEMENT_ID', account: 'AN_INTEGRATED_ACCOUNT_ID' };
  return `
  upstream  ${withoutFinalSlash(upstream)}

${describeExample(url, config, { purpose, headers: [header], query: dryRun, variables })}`;
}

/** What a person at a terminal reads at the start. @param url has no path. @param upstreamUrl also of the embedded sandbox. */
export async function describeStart(url: string, upstreamUrl: URL, config: Config): Promise<string> {
  const { exposeSchema, shared, trustedDocuments } = config;
  // With trusted documents only, it cannot be turned on.
  const off = `; GraphiQL is off${trustedDocuments?.only ? '' : ' (EXPOSE_SCHEMA=1)'}`;
  const graphiql = exposeSchema ? ', and GraphiQL for browsers' : off;
  const bulkPage = exposeSchema && shared ? `\n  bulk      ${url}/bulk, a page of bulk deletes for browsers` : '';
  const describe = config.upstream === 'sandbox' ? describeSandbox : describeUpstream;
  const rest = await describe(url, upstreamUrl, config);
  return `\n  GraphQL   ${url}/graphql${graphiql}${bulkPage}${rest}\n`;
}
