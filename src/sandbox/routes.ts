import type { Answer } from './answer.ts';
import { deleteEngagement } from './delete-engagement.ts';
import { getEngagement } from './get-engagement.ts';
import { getRelated } from './get-related.ts';
import { listEngagements } from './list-engagements.ts';
import { listRelated } from './list-related.ts';
import type { RelatedKind } from './record-kind.ts';
import { Refusal } from './refusal.ts';
import type { SandboxRequest } from './request.ts';
import { accounts } from './resources/accounts.ts';
import { contacts } from './resources/contacts.ts';
import { leads } from './resources/leads.ts';
import { notes } from './resources/notes.ts';
import { opportunities } from './resources/opportunities.ts';
import { projects } from './resources/projects.ts';
import type { Resource } from './resources/resource.ts';
import { users } from './resources/users.ts';
import { showIntegratedAccount } from './show-integrated-account.ts';

/** Answers one method of one path. Throws a `Refusal` for a request that Truto itself turns down. */
export type Handler = (request: SandboxRequest) => Answer;

interface Route {
  /** Segments; `{id}` stands for any one. */
  readonly path: readonly string[];
  readonly handlers: ReadonlyMap<string, Handler>;
}

const routes: readonly Route[] = [
  { path: ['unified', 'crm', 'engagements'], handlers: new Map([['GET', listEngagements]]) },
  {
    path: ['unified', 'crm', 'engagements', '{id}'],
    handlers: new Map([
      ['GET', getEngagement],
      ['DELETE', deleteEngagement],
    ]),
  },
  { path: ['integrated-account', '{id}'], handlers: new Map([['GET', showIntegratedAccount]]) },
  ...readRoutes(users),
  ...readRoutes(contacts),
  ...readRoutes(accounts),
  ...readRoutes(opportunities),
  ...readRoutes(leads),
  ...readRoutes(projects),
  ...readRoutes(notes),
];

/** A resource that can only be read. */
function readRoutes<Kind extends RelatedKind>(resource: Resource<Kind>): readonly Route[] {
  const path = ['unified', 'crm', resource.kind];
  return [
    { path, handlers: new Map([['GET', (request: SandboxRequest) => listRelated(request, resource)]]) },
    {
      path: [...path, '{id}'],
      handlers: new Map([['GET', (request: SandboxRequest) => getRelated(request, resource)]]),
    },
  ];
}

/** Finds who answers, and the decoded `{id}`. Throws Truto's 404 for an unknown path, 405 for a method the path lacks. */
export function findRoute(method: string, path: string): { readonly handler: Handler; readonly id: string } {
  const segments = path.split('/').slice(1).map(decodeSegment);
  const route = routes.find((candidate) => matches(candidate.path, segments));
  if (route === undefined) {
    throw new Refusal(404, 'Route not found');
  }
  const handler = route.handlers.get(method);
  if (handler === undefined) {
    const allow = [...route.handlers.keys()].join(', ');
    throw new Refusal(405, `Method ${method} is not allowed here`, { headers: { allow } });
  }
  const idIndex = route.path.indexOf('{id}');
  return { handler, id: segments[idIndex] ?? '' };
}

function matches(path: readonly string[], segments: readonly string[]): boolean {
  return (
    path.length === segments.length &&
    path.every((part, index) => (part === '{id}' ? segments[index] !== '' : part === segments[index]))
  );
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal(400, 'The path is not valid percent-encoding');
  }
}
