import { sandboxAccount } from '../../src/sandbox/accounts.ts';

const accountOf = (label: string) => sandboxAccount(label).id;

/** A delete, and which member of the result it comes to. */
export interface MemberCase {
  readonly member: string;
  readonly variables: Readonly<Record<string, unknown>>;
  /** How many DELETE requests upstream gets for it. */
  readonly deleteCount: number;
}

/** After a 429, an account is paused for a while. So each gateway has its own. */
const rateLimited = ['Copper', 'Freshsales', 'Highlevel', 'Monday CRM', 'Pipedrive'];

/** One delete for each member of the union except the success. */
export const memberCases = (gatewayIndex: number): readonly MemberCase[] => [
  {
    member: 'DeleteEngagementPlan',
    variables: { id: 'e1', account: accountOf('Capsule'), dryRun: true },
    deleteCount: 0,
  },
  {
    member: 'InvalidInputError',
    variables: { id: '..', account: accountOf('Capsule') },
    deleteCount: 0,
  },
  { member: 'UnsupportedIntegrationError', variables: { id: 'e1', account: accountOf('HubSpot') }, deleteCount: 0 },
  { member: 'NotFoundError', variables: { id: 'nowhere', account: accountOf('Capsule') }, deleteCount: 1 },
  {
    member: 'IntegratedAccountNotFoundError',
    variables: { id: 'e1', account: 'no-such-account' },
    deleteCount: 0,
  },
  { member: 'ForbiddenError', variables: { id: 'fault-403', account: accountOf('Capsule') }, deleteCount: 1 },
  { member: 'AccountNeedsReauthError', variables: { id: 'fault-401', account: accountOf('Capsule') }, deleteCount: 1 },
  { member: 'AccountBlockedError', variables: { id: 'fault-503', account: accountOf('Capsule') }, deleteCount: 1 },
  {
    member: 'RateLimitedError',
    variables: { id: 'fault-429-truto', account: accountOf(rateLimited[gatewayIndex] ?? 'one for each gateway') },
    deleteCount: 1,
  },
  { member: 'RemoteApiError', variables: { id: 'fault-409', account: accountOf('Capsule') }, deleteCount: 1 },
  {
    member: 'UpstreamUnavailableError',
    variables: { id: 'fault-502', account: accountOf('Capsule'), snapshot: true },
    deleteCount: 0,
  },
  { member: 'OutcomeUnknownError', variables: { id: 'fault-504', account: accountOf('Capsule') }, deleteCount: 2 },
];
