import { canCreate, type IntegrationSupport } from '../integrations.ts';
import { type ResourceField, resources } from '../resources.ts';
import { type Finding, refusal, warning } from '../result.ts';
import { checkId, checkNumber, checkRawType, checkText, checkTrutoQuery } from '../rules.ts';
import { type FieldKind, shapes } from '../shapes.ts';
import {
  argumentOf,
  type CreateEngagementInput,
  createPaths,
  createTypes,
  isCallOrUntyped,
  rawTypeOf,
  sentFields,
  typeOf,
  writableFieldNames,
} from './input.ts';

type Path = readonly string[];

/** More than any record needs, and no more than servers commonly accept. */
const maxBodyBytes = 256 * 1024;

/** Deeper than any provider's data, and not deep enough to overflow the stack. */
const maxDepth = 20;

/** The path is the argument's own: the names in such data can be any text, and the log has the path. */
function checkData(value: unknown, path: Path, levelsLeft = maxDepth): readonly Finding[] {
  if (typeof value === 'string') return checkText(value, path);
  if (typeof value === 'number') return checkNumber(value, path);
  if (typeof value !== 'object' || value === null) return [];
  if (levelsLeft === 0) return [refusal(path, `It must be nested at most ${maxDepth} levels deep.`)];
  return Object.entries(value).flatMap(([name, item]) => [
    ...checkText(name, path),
    ...checkData(item, path, levelsLeft - 1),
  ]);
}

const itemAt = (path: Path, index: number, name: string): Path => [...path, String(index), name];

/** The checks, by kind of field. The shape of the value is checked before. */
const checks: Readonly<Partial<Record<FieldKind, (value: never, path: Path) => readonly Finding[]>>> = {
  text: checkData,
  object: checkData,
  reference: ({ id }: { id: string }, path) => checkId(id, [...path, 'id']),
  references: (list: readonly { id: string }[], path) =>
    list.flatMap(({ id }, index) => checkId(id, itemAt(path, index, 'id'))),
  phoneNumbers: (list: readonly { number?: string | null }[], path) =>
    list.flatMap((phone, index) =>
      /\d/.test(phone.number ?? '')
        ? checkData(phone, path)
        : [refusal(itemAt(path, index, 'number'), 'It must have a digit.')],
    ),
};

const momentFields = ['start_time', 'end_time'] as const;

/** Only moments with an offset can be compared. */
function momentOf(value: string | null | undefined): number | undefined {
  return value && shapes.dateTime.safeParse(value).success ? Date.parse(value) : undefined;
}

function checkMoments({ fields }: CreateEngagementInput): readonly Finding[] {
  const [start, end] = momentFields.map((name) => momentOf(fields[name]));
  if (start !== undefined && end !== undefined && end < start)
    return [refusal(['input', 'endTime'], 'It must not be before startTime.')];
  return momentFields
    .filter((name) => fields[name] && momentOf(fields[name]) === undefined)
    .map((name) =>
      warning(
        ['input', argumentOf(name)],
        'It is not a date-time with an offset, such as 2026-01-31T09:00:00Z. It is sent unchanged.',
      ),
    );
}

/** Refuses two types, and a provider's own type that is empty or no text. */
function checkType({ engagementType, fields }: CreateEngagementInput): readonly Finding[] {
  const found = checkRawType({ engagementType, rawEngagementType: rawTypeOf(fields) });
  return found.map((finding) => ({ ...finding, path: ['input', ...finding.path] }));
}

/** Refuses input that a request cannot express, or that creates nothing. */
export function checkCreate(input: CreateEngagementInput): readonly Finding[] {
  const { integratedAccountId, remoteData } = input;
  const rows: Readonly<Record<string, ResourceField>> = resources.engagements;
  const given = sentFields(input);
  const unknown = Object.keys(input.fields).filter((name) => !writableFieldNames.some((known) => known === name));
  const found = [
    ...checkId(integratedAccountId, ['integratedAccountId']),
    ...(unknown.length > 0 ? [refusal(['input'], 'It has a field that a create cannot write.')] : []),
    ...given.flatMap(([name, value]) => {
      const argument = argumentOf(name);
      const path = ['input', argument];
      const { kind } = rows[name] as ResourceField;
      const [malformed] = shapes[kind].safeParse(value).error?.issues ?? [];
      if (malformed)
        return [refusal([...path, ...malformed.path.map(String)], 'It does not have the documented form.')];
      return argument === 'engagementType' ? [] : (checks[kind]?.(value as never, path) ?? []);
    }),
    ...checkData(remoteData, ['input', 'remoteData']),
    ...checkType(input),
    ...checkTrutoQuery(input, createPaths),
  ];
  const isEmpty = given.length === 0 && Object.keys(remoteData ?? {}).length === 0;
  return isEmpty ? [...found, refusal(['input'], 'It must have at least one field.')] : found;
}

/** Refuses a body that is too large, and names its largest field. */
export function checkBody(body: string, input: CreateEngagementInput): readonly Finding[] {
  const length = Buffer.byteLength(body);
  if (length <= maxBodyBytes) return [];
  const sizes = [
    ...sentFields(input).map(([name, value]) => [argumentOf(name), JSON.stringify(value).length] as const),
    ['remoteData', JSON.stringify(input.remoteData ?? null).length] as const,
  ].sort(([, one], [, other]) => other - one);
  const message = `The body has ${length} bytes. At most ${maxBodyBytes} are allowed. Shorten it.`;
  return [refusal(['input', sizes[0]?.[0] ?? ''], message)];
}

/** Checks what Truto's create page requires of every integration: what it requires is refused, everything else warns (ADR 4). */
export function checkConventions(input: CreateEngagementInput): readonly Finding[] {
  const { direction } = input.fields;
  const type = typeOf(input);
  const path = ['input', 'direction'];
  return [
    ...(direction && !isCallOrUntyped(input) ? [refusal(path, 'It is only for engagementType: CALL. Omit it.')] : []),
    ...(direction && !/^(inbound|outbound|missed)$/i.test(direction)
      ? [warning(path, 'Truto documents inbound, outbound and, for some integrations, missed. It is sent.')]
      : []),
    ...(type && !createTypes.includes(type)
      ? [warning(['input', 'engagementType'], 'Truto documents only CALL and MEETING. It is sent in the body only.')]
      : []),
    ...checkMoments(input),
  ];
}

/** Checks the input against the account's integration. An unknown integration has no rules. */
export function checkCreateIntegration(
  input: CreateEngagementInput,
  support: IntegrationSupport,
  name: string | null,
): readonly Finding[] {
  if (!canCreate(support))
    return [refusal(['integratedAccountId'], `It belongs to ${name}, which cannot create engagements through Truto.`)];
  const type = typeOf(input);
  const isMissing = support.kind === 'supported' && support.integration.requiresTypeOnCreate;
  if (!isMissing || (type && createTypes.includes(type))) return [];
  const allowed = createTypes.map((each) => each.toUpperCase());
  return [refusal(['input', 'engagementType'], `${name} requires one of ${allowed.join(', ')}.`, allowed)];
}
