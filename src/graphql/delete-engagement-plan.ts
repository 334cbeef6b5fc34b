import type * as Result from '../engagement/result.ts';
import { hasRefusal } from '../engagement/result.ts';
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
    'What `dryRun` answers: the request that would be sent, and what would keep it from deleting. Nothing was sent but the look-up ' +
    'of the account and, with `snapshot: true`, the read of the engagement.',
  fields: (t) => ({
    wouldBeSent: t.boolean({
      nullable: false,
      description:
        'False when a finding says that the delete would be refused, here or upstream: the arguments, the token, the account, or, with ' +
        '`snapshot: true`, an engagement that cannot be read.',
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
      description:
        'What the rules, the look-up of the account and the snapshot have to say. With `snapshot: true` and no finding on `id`, the engagement is there.',
    }),
    integration: t.expose('integration', {
      type: Integration,
      nullable: true,
      description: 'The integration of the account, when it is known.',
    }),
  }),
});
