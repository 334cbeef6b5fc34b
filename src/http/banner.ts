import type { Config } from '../config/config.ts';
import { withTypePrefixInText } from '../graphql/core/type-names.ts';

/** A command to paste into a shell. curl takes the line breaks out of what it reads by `@-`, so the JSON has none in its text. */
function curlCommand(url: string, headers: readonly string[], query: string, variables: object): string {
  const given = ["'content-type: application/json'", ...headers].map((header) => ` \\\n  -H ${header}`).join('');
  const body = `{"query": "${query.trim()}",\n"variables": ${JSON.stringify(variables)}}`;
  return `curl ${url}/graphql${given} -d @- <<'EOF'\n${body}\nEOF\n`;
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

const placeholders = { id: 'AN_ENGAGEMENT_ID', account: 'AN_INTEGRATED_ACCOUNT_ID' };

/** Over the embedded sandbox: its accounts, and a delete that works as it is. */
async function describeSandbox(url: string, sandboxUrl: string, typePrefix: string): Promise<string> {
  const [{ sandboxToken }, { describeSamples, sampleEngagements }] = await Promise.all([
    import('../sandbox/accounts.ts'),
    import('../sandbox/seed.ts'),
  ]);
  const samples = sampleEngagements();
  const [sample] = samples;
  const variables = {
    id: sample?.engagementId,
    account: sample?.accountId,
    type: sample?.engagementType.toUpperCase(),
  };
  return `
  upstream  the embedded sandbox at ${sandboxUrl}: invented data, nothing real is deleted
  token     callers need none; the sandbox's own is ${sandboxToken}

${describeSamples(samples)}

  Delete an engagement:

${curlCommand(url, [], withTypePrefixInText(deletion, typePrefix), variables)}`;
}

/** With a real upstream: a request that deletes nothing, with names in the place of what this server cannot know. */
function describeUpstream(url: string, upstream: URL, { auth, typePrefix }: Config): string {
  const [token, owner] =
    auth.mode === 'service' ? ['CALLER_JWT', 'a JWT of one of your callers'] : ['TRUTO_API_TOKEN', 'a token of Truto'];
  const header = `"authorization: Bearer $${token}"`;
  return `
  upstream  ${upstream.origin}

  Check a delete without sending it. Set $${token} to ${owner}, and put your ids in. Without dryRun, it deletes.

${curlCommand(url, [header], withTypePrefixInText(dryRun, typePrefix), placeholders)}`;
}

/**
 * What a person at a terminal reads at the start: what runs, and a command to paste.
 * @param url where the server listens, without a path.
 * @param sandboxUrl where the embedded sandbox listens; undefined for a real upstream.
 */
export async function describeStart(
  url: string,
  upstream: URL,
  sandboxUrl: string | undefined,
  config: Config,
): Promise<string> {
  const graphiql = config.exposeSchema ? ', and GraphiQL for browsers' : '; GraphiQL is off (EXPOSE_SCHEMA=1)';
  const rest =
    sandboxUrl === undefined
      ? describeUpstream(url, upstream, config)
      : await describeSandbox(url, sandboxUrl, config.typePrefix);
  return `\n  GraphQL   ${url}/graphql${graphiql}${rest}\n`;
}
