import type { Caller } from './access.ts';
import type { AccountLookup } from './account.ts';
import { isAccountWide } from './delete-errors.ts';
import { type Finding, refusal, warning } from './finding.ts';
import type { DeleteEngagementInput, DeleteEngagementParameter, DeleteEngagementParameters } from './input.ts';
import type { Integration, IntegrationSupport } from './integrations.ts';
import { checkDate, checkId, checkListLength, checkRemoteQuery, checkText } from './text-rules.ts';

/** The name a caller uses for one of upstream's literals: GraphQL writes `call` as `CALL`. */
function enumName(literal: string): string {
  return literal.toUpperCase();
}

/** Node and most proxies take 16 KiB for a request's whole head. */
const maxPathLength = 12_000;

/** Parameters that upstream documents for emails only. Seed: "Set this value only when engagement type is email." */
const emailOnly = ['content', 'subject', 'direction'] as const;

function given(parameters: DeleteEngagementParameters | null | undefined): readonly DeleteEngagementParameter[] {
  return Object.entries(parameters ?? {})
    .filter(([, value]) => value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0))
    .map(([name]) => name as DeleteEngagementParameter);
}

function checkParameters(parameters: DeleteEngagementParameters): readonly Finding[] {
  const path = ['parameters'];
  const texts = (['content', 'subject', 'direction', 'status'] as const).flatMap((name) =>
    checkText(parameters[name] ?? '', [...path, name]),
  );
  const account = parameters.account ? checkId(parameters.account.id, [...path, 'account', 'id']) : [];
  const length = checkListLength(parameters.contacts ?? [], [...path, 'contacts']);
  // What is wrong with thousands of items is that they are thousands.
  const checked = length.length > 0 ? [] : (parameters.contacts ?? []);
  const contacts = checked.flatMap(({ id }, index) => checkId(id, [...path, 'contacts', String(index), 'id']));
  const dates = (['createdAt', 'updatedAt'] as const).flatMap((name) => checkDate(parameters[name], [...path, name]));
  return [...texts, ...dates, ...account, ...contacts, ...length];
}

/**
 * Refuses what upstream documents for emails only beside another type, whatever the integration. Without a type it is sent
 * with a warning: the engagement may be an email, and the documentation allows it.
 */
export function checkEmailOnly({ engagementType, parameters }: DeleteEngagementInput): readonly Finding[] {
  if (engagementType === 'email') return [];
  return given(parameters)
    .filter((name) => (emailOnly as readonly string[]).includes(name))
    .map((name) =>
      engagementType
        ? refusal(['parameters', name], 'It can only be given with engagementType: EMAIL.')
        : warning(
            ['parameters', name],
            'It is documented for engagementType: EMAIL only; upstream gets it all the same.',
          ),
    );
}

/** Refuses input that cannot be put on the wire as it is meant. */
export function checkWellFormed(input: DeleteEngagementInput): readonly Finding[] {
  return [
    ...checkId(input.id, ['id']),
    ...checkId(input.integratedAccountId, ['integratedAccountId']),
    ...(input.parameters ? checkParameters(input.parameters) : []),
    ...checkRemoteQuery(input.remoteQuery, ['remoteQuery']),
  ];
}

function checkEngagementType({ engagementType }: DeleteEngagementInput, integration: Integration): readonly Finding[] {
  const { name, engagementTypes: allowed, requiresEngagementType } = integration;
  if (!engagementType && !requiresEngagementType) return [];
  const path = ['engagementType'];
  const names = allowed.map(enumName);
  if (!engagementType) return [refusal(path, `${name} requires one of ${names.join(', ')}.`, names)];
  if (allowed.length === 0)
    return [warning(path, `${name} does not list this parameter; upstream gets it all the same.`)];
  return allowed.includes(engagementType) ? [] : [refusal(path, `${name} takes only ${names.join(', ')}.`, names)];
}

function checkListed(
  { parameters }: DeleteEngagementInput,
  { name, parameters: listed }: Integration,
): readonly Finding[] {
  return given(parameters)
    .filter((parameter) => !listed.includes(parameter))
    .map((parameter) =>
      warning(['parameters', parameter], `${name} does not list this parameter; upstream gets it all the same.`),
    );
}

/**
 * What is known of the account's integration says about the input: requirements refuse, the rest is told. Of an unknown
 * integration nothing is said: upstream decides.
 */
export function checkIntegration(input: DeleteEngagementInput, support: IntegrationSupport): readonly Finding[] {
  if (support.kind === 'unknown') return [];
  if (support.kind === 'supported') {
    return [...checkEngagementType(input, support.integration), ...checkListed(input, support.integration)];
  }
  const message = `It belongs to ${support.name}, which cannot delete engagements through Truto.`;
  return [refusal(['integratedAccountId'], message)];
}

/** What a dry run has to say of the account: what would refuse every request for it, or that it could not be checked. */
export function checkAccount({ refusal: found }: AccountLookup, { bringsToken }: Caller): readonly Finding[] {
  const path = ['integratedAccountId'];
  if (!found) return [];
  switch (found.kind) {
    case 'Unauthenticated':
      return bringsToken
        ? [{ ...refusal(['Authorization'], found.message), result: 'UNAUTHENTICATED' }]
        : [{ ...refusal(path, found.message), result: 'UpstreamUnavailableError' }];
    default:
      if (isAccountWide(found.kind)) return [{ ...refusal(path, found.message), result: found.kind }];
      return [warning(path, `Whether it exists and is connected could not be checked. ${found.message}`)];
  }
}

/**
 * Refuses a request that is too long to arrive anywhere.
 * @param argument the one that most likely makes it so.
 */
export function checkLength(path: string, argument: readonly string[]): readonly Finding[] {
  const message = `The arguments make a URL of ${path.length} characters or more; at most ${maxPathLength} fit.`;
  return path.length > maxPathLength ? [refusal(argument, message)] : [];
}
