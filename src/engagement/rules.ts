import {
  type Argument,
  type ArgumentPaths,
  type Arguments,
  type DeleteEngagementInput,
  type DeleteEngagementParameter,
  deleteParameters,
  deletePaths,
  type EngagementFilter,
  filterArguments,
  type GivenType,
  sentType,
  typeNamed,
  type WithTrutoQuery,
} from './input.ts';
import type { IntegrationSupport } from './integrations.ts';
import { type EngagementRecord, isSameId, type RecordKey } from './record.ts';
import { typeOnly, type WireField } from './resources.ts';
import { type Finding, refusal, warning } from './result.ts';

type Path = readonly string[];
/** Longer than any provider's ids, and short enough for a path segment everywhere. */
const maxIdLength = 512;
/** Servers that use qs ignore deeper levels, and read a longer list as an object (ADR 19). */
const maxRemoteQueryDepth = 5;
const maxListLength = 20;
/** More than fit into a URL, even with the shortest names. */
const maxNames = 1_000;
/** Node and most proxies accept 16 KiB for all headers of a request, with its path. */
const maxPathLength = 12_000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is its purpose.
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;
/** A `.` or `..` segment, with or without a path parameter, query or fragment after it. */
const dotSegment = /(?:^|[/\\])\.{1,2}(?:[/\\;?#]|$)/;

/** Decodes each triplet by itself, so that invalid UTF-8 hides no other triplet. */
function decodeOnce(id: string): string {
  return id.replace(/%[\da-f]{2}/gi, (triplet) => String.fromCharCode(Number.parseInt(triplet.slice(1), 16)));
}

/**
 * True if a proxy that decodes the path once or twice would address another resource. Behind nginx's `proxy_pass` with a path,
 * `../../contacts/7` deletes a contact. No provider has such ids.
 */
function hasDotSegment(id: string): boolean {
  // Most ids have neither.
  if (!id.includes('.') && !id.includes('%')) return false;
  const decoded = decodeOnce(id);
  return [id, decoded, decodeOnce(decoded)].some((form) => dotSegment.test(form));
}

const ofSegments =
  'It must not have a segment "." or "..", not even percent-encoded: a proxy could address another resource.';
const ofLoss = 'It must not have U+FFFD, which replaces characters that were lost: you may have meant another id.';

/** Refuses an id that is not exactly one path segment (S04), also behind a proxy that decodes the path. */
export function checkId(id: string, path: Path): readonly Finding[] {
  if (id === '') return [refusal(path, 'It must not be empty.')];
  // First: it bounds the work of the later checks.
  if (id.length > maxIdLength) return [refusal(path, `It must have at most ${maxIdLength} characters.`)];
  if (hasDotSegment(id)) return [refusal(path, ofSegments)];
  if (id.includes('\ufffd')) return [refusal(path, ofLoss)];
  return controlCharacter.test(id) ? [refusal(path, 'It must not have control characters.')] : checkText(id, path);
}

/** Refuses a key with an id that {@link checkId} refuses. */
export function checkKey({ id, integratedAccountId }: RecordKey): Finding[] {
  return [...checkId(id, ['id']), ...checkId(integratedAccountId, ['integratedAccountId'])];
}

/** Refuses text that has no UTF-8 form. Line breaks are allowed: a query string escapes them. */
export function checkText(text: string, path: Path): readonly Finding[] {
  const message = 'It must be well-formed Unicode, but has half of a surrogate pair.';
  return text.isWellFormed() ? [] : [refusal(path, message)];
}

/** On the wire, a year has four digits. */
function checkDate(date: Date | string, path: Path): readonly Finding[] {
  const year = typeof date === 'string' ? Number(date.slice(0, 4)) : date.getUTCFullYear();
  return year >= 1 && year <= 9999 ? [] : [refusal(path, 'Its year must be from 0001 to 9999, in UTC.')];
}

function checkListLength({ length }: readonly unknown[], path: Path): readonly Finding[] {
  const message = `It must have at most ${maxListLength} items: many servers misread longer lists.`;
  return length > maxListLength ? [refusal(path, message)] : [];
}

/** The checks, by kind of argument. Other kinds are always valid. */
const checks: Readonly<Partial<Record<Argument['kind'], (value: never, path: Path) => readonly Finding[]>>> = {
  text: checkText,
  date: checkDate,
  id: checkId,
  idInList: checkId,
  reference: ({ id }: { id: string }, path) => checkId(id, [...path, 'id']),
  references: (list: readonly { id: string }[], path) => {
    const tooLong = checkListLength(list, path);
    return tooLong.length > 0 ? tooLong : list.flatMap(({ id }, index) => checkId(id, [...path, String(index), 'id']));
  },
  range: (range: { gt?: Date | string | null; lt?: Date | string | null }, path) =>
    (['gt', 'lt'] as const).flatMap((end) => {
      const moment = range[end];
      if (typeof moment !== 'string') return moment ? checkDate(moment, [...path, end]) : [];
      const message = 'It must have a time and an offset, such as 2026-01-31T09:00:00Z: else its zone is not known.';
      return [refusal([...path, end], message)];
    }),
};

function checkArguments(table: Arguments, values: Readonly<Record<string, unknown>>, path: string): Finding[] {
  return Object.entries(table).flatMap(([name, { kind }]) => {
    const value = values[name] ?? null;
    return value === null ? [] : (checks[kind]?.(value as never, [path, name]) ?? []);
  });
}

/** Refuses a filter that a query string cannot express. */
export function checkFilter(filter: EngagementFilter): readonly Finding[] {
  return checkArguments(filterArguments, filter, 'filter');
}

/** Providers' times may lack their zone: a difference of a day proves nothing. */
const maxZoneMs = 24 * 3_600_000;

type Range = NonNullable<EngagementFilter['createdAt']>;
type Reference = { readonly id: string };

/** True when a record's value is another than the filter asks for. Of other kinds, the provider decides what matches. */
const differs: Readonly<Record<string, (wanted: never, found: never) => boolean>> = {
  type: (wanted: string, found: string) => (typeNamed(found) ?? wanted) !== wanted,
  id: (wanted: string, found: Reference) => !isSameId(wanted, found.id),
  idInList: (wanted: string, found: readonly Reference[]) =>
    found.length > 0 && !found.some(({ id }) => isSameId(wanted, id)),
  range({ gt, lt }: Range, found: string) {
    // Of other forms, `Date.parse` guesses: 05/02/2026 may be in February.
    const atMs = /^\d{4}-\d\d-\d\d/.test(found) ? Date.parse(found) : Number.NaN;
    const [fromMs, toMs] = [Number(gt ?? Number.NEGATIVE_INFINITY), Number(lt ?? Number.POSITIVE_INFINITY)];
    return atMs < fromMs - maxZoneMs || atMs > toMs + maxZoneMs;
  },
};

/** The conditions of a filter that a record can contradict: the name of each, the field that shows it, and whether a value of that does. */
function conditionsOf(filter: EngagementFilter) {
  return Object.entries(filterArguments).flatMap(([name, { wireName, kind }]) => {
    const [wanted, isOther] = [filter[name as keyof EngagementFilter] ?? null, differs[kind]];
    if (wanted === null || !isOther) return [];
    const isContradicted = (found: unknown) => isOther(wanted as never, found as never);
    return [{ name, field: wireName as WireField, isContradicted }];
  });
}

/** The fields that show whether records match a filter, and the type. */
export const filterFields = (filter: EngagementFilter): ReadonlySet<WireField> =>
  new Set<WireField>([...typeOnly, ...conditionsOf(filter).map(({ field }) => field)]);

/**
 * Finds a condition that a listed record contradicts: each integration supports some filters only, and Truto does not document what it does
 * with others. A field that the record lacks contradicts nothing.
 */
export function findContradicted(record: EngagementRecord, filter: EngagementFilter): string | undefined {
  return conditionsOf(filter).find(({ field, isContradicted }) => {
    const found = record[field] ?? null;
    return found !== null && isContradicted(found);
  })?.name;
}

/** Refuses a number that JSON cannot express: an integer that has lost its last digits, and `1e999`, which is read as infinity. */
export function checkNumber(value: number, path: Path): readonly Finding[] {
  const isExact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  return isExact ? [] : [refusal(path, 'It has too many digits for a number. Send it as a string.')];
}

function checkName(name: string, path: Path): readonly Finding[] {
  if (name === '') return [refusal(path, 'It must not have an empty name.')];
  if (/^\d+$/.test(name)) return [refusal(path, 'It must not have names of digits only. Send a list instead.')];
  if (/[[\]]/.test(name)) return [refusal(path, 'It must not have a name with brackets. Nest an object instead.')];
  if (controlCharacter.test(name)) return [refusal(path, 'It must not have a name with control characters.')];
  return checkText(name, path);
}

function checkRemoteQuery(value: unknown, path: Path): readonly Finding[] {
  if (typeof value === 'string') return checkText(value, path);
  if (typeof value === 'number') return checkNumber(value, path);
  if (typeof value !== 'object' || value === null) return [];
  if (path.length > maxRemoteQueryDepth)
    return [refusal(path, `It must be nested at most ${maxRemoteQueryDepth} levels deep.`)];
  const isList = Array.isArray(value);
  const tooLong = isList ? checkListLength(value, path) : [];
  if (tooLong.length > 0) return tooLong;
  const entries = Object.entries(value);
  if (entries.length > maxNames) return [refusal(path, `It must have at most ${maxNames} names.`)];
  if (entries.length === 0 && path.length > 1)
    return [refusal(path, 'It must not be an empty list or object, which a query string cannot express.')];
  return entries.flatMap(([name, item]) => [
    ...(isList ? [] : checkName(name, path)),
    ...checkRemoteQuery(item, [...path, name]),
  ]);
}

/**
 * Refuses parameters of Truto that a query string cannot express, and those that change what the answer means: the request's own, and
 * all that begin with `truto_`.
 * @param paths the arguments of the request, by wire name.
 * @param given the optional parameters of the request, by argument: one that is not given may be here, in any form.
 */
export function checkTrutoQuery(
  { trutoQuery }: WithTrutoQuery,
  paths: ArgumentPaths,
  given?: Readonly<Record<string, unknown>> | null,
): readonly Finding[] {
  const own = Object.keys(trutoQuery ?? {}).flatMap((name) => {
    const wireName = name.trim().toLowerCase();
    const [argument = '', parameter] = paths.get(wireName) ?? [];
    if (parameter && given !== undefined && (given?.[parameter] ?? null) === null) return [];
    if (argument) {
      const instead = parameter ? `${argument}.${parameter}` : argument;
      return [refusal(['trutoQuery', wireName], `It must not have ${wireName}. Use only the argument ${instead}.`)];
    }
    if (!wireName.startsWith('truto_')) return [];
    return [refusal(['trutoQuery'], 'It must not have a name that begins with truto_. This server sets those itself.')];
  });
  return own.length > 0 ? own : checkRemoteQuery(trutoQuery, ['trutoQuery']);
}

/** Refuses a provider's own type that is given together with a documented one, or that is no text. */
export function checkRawType({ engagementType, rawEngagementType }: GivenType): readonly Finding[] {
  const raw = rawEngagementType ?? null;
  const path = ['rawEngagementType'];
  if (raw === null) return [];
  if (engagementType) return [refusal(path, 'Give engagementType or rawEngagementType, not both.')];
  return raw.trim() === '' ? [refusal(path, 'It must not be empty.')] : checkText(raw, path);
}

/** Refuses input that a request cannot express. */
export function checkWellFormed(input: DeleteEngagementInput): Finding[] {
  const { parameters, remoteQuery } = input;
  return [
    ...checkKey(input),
    ...checkRawType(input),
    ...(parameters ? checkArguments(deleteParameters, parameters, 'parameters') : []),
    ...checkRemoteQuery(remoteQuery, ['remoteQuery']),
    ...checkTrutoQuery(input, deletePaths, parameters ?? null),
  ];
}

const parameterNames = Object.keys(deleteParameters) as DeleteEngagementParameter[];

/** The names of the parameters that would be sent. */
function givenParameters({ parameters }: DeleteEngagementInput): readonly DeleteEngagementParameter[] {
  if (!parameters) return [];
  const isSent = (value: unknown) => (value ?? null) !== null && !(Array.isArray(value) && value.length === 0);
  return parameterNames.filter((name) => isSent(parameters[name]));
}

/**
 * Refuses parameters of emails with another type, for every integration. Without a type they are sent with a warning: the engagement may
 * be an email, and Truto's documentation allows it.
 */
export function checkEmailOnly(input: DeleteEngagementInput): readonly Finding[] {
  const type = sentType(input);
  if (typeNamed(type) === 'email') return [];
  const names = givenParameters(input).filter((name) => 'isEmailOnly' in deleteParameters[name]);
  return names.map((name) =>
    type
      ? refusal(['parameters', name], 'It is only for engagementType: EMAIL. Omit it, or change the type.')
      : warning(['parameters', name], 'Truto documents it only for engagementType: EMAIL. It is sent.'),
  );
}

/** Checks the input against the account's integration. Missing requirements are refusals, the rest are warnings. An unknown integration has no rules. */
export function checkIntegration(input: DeleteEngagementInput, support: IntegrationSupport): readonly Finding[] {
  if (support.kind === 'unknown') return [];
  if (support.kind === 'unsupported') {
    const message = `It belongs to ${support.name}, which cannot delete engagements through Truto.`;
    return [refusal(['integratedAccountId'], message)];
  }
  const { name, engagementTypes, parameters, requiresEngagementType } = support.integration;
  const { engagementType: type, rawEngagementType } = input;
  const path = ['engagementType'];
  const notListed = (listed: Path) => warning(listed, `${name} does not list this parameter. It is sent.`);
  const unlisted = givenParameters(input)
    .filter((parameter) => !parameters.includes(parameter))
    .map((parameter) => notListed(['parameters', parameter]));
  // GraphQL writes `call` as `CALL`.
  const allowed = engagementTypes.map((each) => each.toUpperCase());
  const list = allowed.join(', ');
  if (rawEngagementType)
    return [
      warning(['rawEngagementType'], `${name} documents no types by the provider's own names. It is sent.`),
      ...unlisted,
    ];
  if (!type && requiresEngagementType) return [refusal(path, `${name} requires one of ${list}.`, allowed), ...unlisted];
  if (!type || engagementTypes.includes(type)) return unlisted;
  const isUnlisted = allowed.length === 0;
  return [isUnlisted ? notListed(path) : refusal(path, `${name} accepts only ${list}.`, allowed), ...unlisted];
}

/** The name of the longest value, as JSON. */
export function longestOf(given: readonly (readonly [name: string, value: unknown])[]): string {
  const lengths = given.map(([name, value]) => [name, JSON.stringify(value)?.length ?? 0] as const);
  return lengths.sort(([, one], [, other]) => other - one)[0]?.[0] ?? '';
}

/** Refuses a request that is too long for most servers. @param given the arguments by name. The finding is about the longest one. */
export function checkLength(path: string, given: object): readonly Finding[] {
  if (path.length <= maxPathLength) return [];
  const message = `The arguments make a URL of at least ${path.length} characters. At most ${maxPathLength} are allowed. Shorten them.`;
  return [refusal([longestOf(Object.entries(given))], message)];
}
