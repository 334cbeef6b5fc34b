import { engagementSorts, engagementTypes, responseFormats } from '../engagement/input.ts';
import type { SandboxAccount } from './accounts.ts';
import { invalidParameter, missingParameter } from './answer.ts';
import { isQueryObject, parseDate, type Query, readChoice, readList, readString } from './query.ts';

/** How the answer is to look: the parameters that all methods share. */
export interface AnswerShape {
  readonly format: (typeof responseFormats)[number];
  readonly ignoresRemoteData: boolean;
  /** Names of top-level fields. Unknown ones are accepted; nested paths and `id` are NOT FOUND and change nothing here. */
  readonly excludedFields: ReadonlySet<string>;
}

/** Reads the parameters that shape the answer. */
export function readAnswerShape(query: Query): AnswerShape {
  return {
    format: readChoice(query, 'truto_response_format', responseFormats) ?? 'unified',
    ignoresRemoteData: readChoice(query, 'truto_ignore_remote_data', ['true', 'false']) === 'true',
    excludedFields: new Set(readList(query, 'truto_exclude_fields')),
  };
}

/** What reads accept as `engagement_type`: their pages print `task` besides the types of the delete page. */
export const readableTypes = [...engagementTypes, 'task'] as const;

/**
 * Reads `engagement_type`. A delete requires it, out of the integration's own list, where that is documented; else it may be any
 * documented type, which then has no effect. The get page counts eight integrations that require it without naming them: that the
 * six which require it on delete are among them is [inferred].
 */
export function readType(query: Query, { rule }: SandboxAccount, method: 'get' | 'delete'): string | undefined {
  const isRequired = rule?.requiresEngagementType === true;
  const deletable = isRequired ? rule.engagementTypes : engagementTypes;
  const type = readChoice<string>(query, 'engagement_type', method === 'get' ? readableTypes : deletable);
  if (type === undefined && isRequired) throw missingParameter('engagement_type');
  return type;
}

/** Checks the form of a delete's other parameters. Well-formed ones change nothing: what Planhat does with them is NOT FOUND. */
export function checkDeleteParameters(query: Query, { rule }: SandboxAccount, type: string | undefined): void {
  readSort(query);
  for (const name of ['status', 'content', 'subject', 'direction']) readString(query, name);
  for (const name of ['created_at', 'updated_at']) {
    if (readString(query, name) !== undefined) parseDate(query[name], name);
  }
  for (const name of ['content', 'subject'] as const) {
    // "Only when the type is email" is printed; that breaking it is refused, and only where the parameter counts, is [inferred].
    const counts = rule?.parameters.includes(name) && readString(query, name) !== undefined;
    if (counts && type !== undefined && type !== 'email') {
      throw invalidParameter(name, 'may only be set when engagement_type is email');
    }
  }
  checkReference(query.account, 'account');
  const contacts = query.contact ?? '';
  if (contacts !== '' && !Array.isArray(contacts)) {
    throw invalidParameter('contact', 'must be an array of objects');
  }
  for (const contact of contacts) checkReference(contact, 'contact');
  checkRemoteQuery(query);
}

function checkReference(value: unknown = '', name: string): void {
  const isReference = isQueryObject(value) && (value.id === undefined || typeof value.id === 'string');
  if (value !== '' && !isReference) {
    throw invalidParameter(name, 'must be an object with a string id');
  }
}

/** Checks that `remote_query` is an object; what is in it is between the client and the provider. */
export function checkRemoteQuery({ remote_query: value = '' }: Query): void {
  if (value !== '' && !isQueryObject(value)) throw invalidParameter('remote_query', 'must be an object');
}

/** What a list is sorted by. */
export type ListOrder = { readonly field: string; readonly isDescending: boolean };

/** Reads `sort_by`: a field (the delete page), or an object of field and direction (the list pages). */
export function readSort(query: Query): ListOrder | undefined {
  const given = isQueryObject(query.sort_by) ? Object.entries(query.sort_by) : [[query.sort_by, 'asc'] as const];
  const [[name, direction] = ['', ''], ...others] = given;
  if (others.length > 0) throw invalidParameter('sort_by', 'must name one field');
  const field = readChoice({ sort_by: name }, 'sort_by', engagementSorts);
  const isDescending = readChoice({ sort_by: direction }, 'sort_by', ['asc', 'desc']) === 'desc';
  return field && { field, isDescending };
}
