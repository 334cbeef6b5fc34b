import { hasRefusal } from '../engagement/finding.ts';
import type * as Result from '../engagement/result.ts';
import { builder } from './builder.ts';
import { InputIssue } from './input-issue.ts';
import { Integration } from './integration.ts';

const RequestHeader = builder.objectRef<{ name: string; value: string }>('RequestHeader').implement({
  description: 'A header of the request that would be sent.',
  fields: (t) => ({
    name: t.exposeString('name', { nullable: false, description: 'Its name in lower case.' }),
    value: t.exposeString('value', { nullable: false, description: 'Its value; credentials show as `[redacted]`.' }),
  }),
});

/** Credentials are the only headers whose value a plan must not show. */
function shownHeaders({ request }: Result.DeleteEngagementPlan): { name: string; value: string }[] {
  return Object.entries(request.headers).map(([name, value]) => ({
    name,
    value: name === 'authorization' ? '[redacted]' : value,
  }));
}

export const DeleteEngagementPlan = builder.objectRef<Result.DeleteEngagementPlan>('DeleteEngagementPlan').implement({
  description:
    'What `dryRun` answers: the request that would be sent. Nothing was sent but the look-up of the account.',
  fields: (t) => ({
    wouldBeSent: t.boolean({
      nullable: false,
      description: 'False when a finding would refuse the delete.',
      resolve: ({ findings }) => !hasRefusal(findings),
    }),
    method: t.string({ nullable: false, description: 'The HTTP method.', resolve: ({ request }) => request.method }),
    url: t.string({
      nullable: false,
      description: 'The address with every parameter.',
      resolve: ({ request }, _args, { upstreamUrl }) => upstreamUrl + request.path,
    }),
    headers: t.field({ type: [RequestHeader], nullable: false, description: 'The headers.', resolve: shownHeaders }),
    excludedFields: t.stringList({
      nullable: false,
      description:
        "Upstream's names of the fields it would be told to leave out, since the selection does not name them.",
      resolve: ({ request }) => [...request.excludedFields],
    }),
    findings: t.expose('findings', {
      type: [InputIssue],
      nullable: false,
      description: 'What the rules have to say.',
    }),
    integration: t.expose('integration', {
      type: Integration,
      nullable: true,
      description: 'The integration of the account, when it is known.',
    }),
  }),
});
