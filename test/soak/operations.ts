import type { Random } from '../../src/sandbox/random.ts';
import type { Target } from './targets.ts';

/** A GraphQL request that deletes one engagement or two; the members of its result are `first` and `second`. */
export interface Operation {
  readonly name: string;
  readonly document: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly accept: string;
}

interface OperationKind {
  readonly name: string;
  /** Of a hundred operations, so many are of this kind. */
  readonly percent: number;
  readonly document: string;
  /** How many engagements it deletes. */
  readonly size: 1 | 2;
  readonly accept?: string;
}

const end = `__typename
  ... on Error { message }
  ... on OutcomeUnknownError { retrySafe upstreamIdempotencyKey lastStatusCode }
  ... on RateLimitedError { retryAfterMs }
  ... on RemoteApiError { statusCode rawResponse }
  ... on DeleteEngagementSuccess { deletedEngagementId outcome warnings`;

function single(name: string, options: string, selection: string): string {
  return `mutation ${name}($id: ID!, $account: ID!, $type: EngagementType) {
  first: deleteEngagement(id: $id, integratedAccountId: $account, engagementType: $type${options}) {
  ${end} ${selection} } } }`;
}

const pair = `mutation Pair($id: ID!, $account: ID!, $type: EngagementType, $id2: ID!, $account2: ID!, $type2: EngagementType) {
  first: deleteEngagement(id: $id, integratedAccountId: $account, engagementType: $type) { ...End }
  second: deleteEngagement(id: $id2, integratedAccountId: $account2, engagementType: $type2) { ...End }
}
fragment End on DeleteEngagementResult { ${end} } }`;

const kinds: readonly OperationKind[] = [
  { name: 'plain', percent: 56, size: 1, document: single('Plain', '', '') },
  {
    name: 'with the record',
    percent: 8,
    size: 1,
    document: single('Record', '', 'engagement { id subject owner { id } }'),
  },
  { name: 'pair', percent: 12, size: 2, document: pair },
  { name: 'raw', percent: 6, size: 1, document: single('Raw', ', format: RAW', 'raw') },
  {
    name: 'stream, collected',
    percent: 4,
    size: 1,
    document: single('Collected', ', format: STREAM', 'stream { chunks }'),
  },
  {
    name: 'stream, in parts',
    percent: 4,
    size: 1,
    document: single('Parts', ', format: STREAM', 'stream { chunks @stream }'),
    accept: 'multipart/mixed',
  },
  {
    name: 'snapshot',
    percent: 6,
    size: 1,
    document: single('Snapshot', ', snapshot: true', 'engagement { id subject notes { id content } }'),
  },
  // The server never retries such a delete: the provider's own parameters may have an effect each time.
  { name: 'remoteQuery', percent: 4, size: 1, document: single('RemoteQuery', ', remoteQuery: { hint: "soak" }', '') },
];

function pickKind(random: Random): OperationKind | undefined {
  let rest = random.integer(1, 100);
  return kinds.find(({ percent }) => {
    rest -= percent;
    return rest <= 0;
  });
}

/** Picks the next operation, on the first one or two of the targets. A pair needs two of them. */
export function pickOperation(
  random: Random,
  [target, other]: readonly [Target, Target | undefined],
): { readonly operation: Operation; readonly targets: readonly Target[] } {
  const picked = pickKind(random);
  const kind = picked === undefined || (picked.size === 2 && other === undefined) ? kinds[0] : picked;
  const { name = '', document = '', size = 1, accept = 'application/json' } = kind ?? {};
  if (size === 1 || other === undefined) {
    return { operation: { name, document, accept, variables: { ...target } }, targets: [target] };
  }
  const variables = { ...target, id2: other.id, account2: other.account, type2: other.type };
  return { operation: { name, document, accept, variables }, targets: [target, other] };
}
