import {
  type ArgumentPaths,
  type EngagementType,
  type GivenType,
  normalizedType,
  typeNamed,
  type WithTrutoQuery,
} from '../input.ts';
import { canCreate, type IntegrationSupport } from '../integrations.ts';
import { excludedFields, wireFieldsOf } from '../record.ts';
import { encodeQuery, exclusionParameters, headersFor, parametersOfTruto, type WriteRequest } from '../request.ts';
import { camelCase, type FieldKind, type FieldValue, resources, shapes, type WireField } from '../resources.ts';
import { type Finding, refusal, warning } from '../result.ts';
import { checkId, checkNumber, checkRawType, checkText, checkTrutoQuery, longestOf } from '../rules.ts';

/* What a create can write: its input, the checks, and the request. */

type Fields = typeof resources.engagements;

/** A field of an engagement that a create can write. */
export type WritableField = {
  [Field in WireField]: Fields[Field] extends { readonly isReadOnly: true } ? never : Field;
}[WireField];

/** The fields that a create can write, in the documentation's order. */
export const writableFieldNames = wireFieldsOf('engagements').filter(
  (field) => !('isReadOnly' in resources.engagements[field]),
) as readonly WritableField[];

/** The values of a new engagement, by wire names. Absent and null mean the same: not sent. */
export type EngagementFields = {
  readonly [Field in WritableField]?: FieldValue<'engagements', Field> | null | undefined;
};

/** The engagement to create, and where. */
export interface CreateEngagementInput extends WithTrutoQuery {
  readonly integratedAccountId: string;
  /** @default the type in `fields`, if it is a documented one */
  readonly engagementType?: EngagementType | null | undefined;
  readonly fields: EngagementFields;
  /** Further data for the provider, passed on unchanged. */
  readonly remoteData?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The types that Truto documents for the query parameter of a create. */
const createTypes: readonly EngagementType[] = ['call', 'meeting'];

/** The documented type of the new engagement. Null for none, and for a provider's own. */
export function typeOf({ engagementType, fields }: CreateEngagementInput): EngagementType | null {
  return engagementType ?? typeNamed(fields.engagement_type);
}

/** The type, as it was given. */
export function givenTypeOf({ engagementType, fields }: CreateEngagementInput): GivenType {
  return { engagementType, rawEngagementType: fields.engagement_type };
}

/** True for an engagement that has a direction. Truto documents it for calls only. */
export function isCallOrUntyped({ engagementType, fields }: CreateEngagementInput): boolean {
  const type = engagementType ?? normalizedType(fields.engagement_type);
  return type === null || type === 'call';
}

/** The name of a field in `CreateEngagementInput`. The type is a documented one there, not the provider's own. */
export function argumentOf(field: WritableField): string {
  return field === 'engagement_type' ? 'engagementType' : (resources.engagements[field].name ?? camelCase(field));
}

/** The paths of a create's arguments, by wire name. */
export const createPaths: ArgumentPaths = new Map<string, readonly string[]>([
  ...writableFieldNames.map((field) => [field, ['input', argumentOf(field)]] as const),
  ['remote_data', ['input', 'remoteData']],
  ['integrated_account_id', ['integratedAccountId']],
]);

/** Fields that many engagements have in common: alone, they do not identify one. */
export const commonFields: ReadonlySet<WritableField> = new Set<WritableField>([
  ...(['owner', 'direction', 'engagement_type', 'status', 'duration', 'custom_fields'] as const),
]);

/** True for a sent value that few engagements have in common. */
export function identifies([field, value]: readonly [WritableField, unknown]): boolean {
  return !commonFields.has(field) && (typeof value !== 'string' || value.trim() !== '');
}

/** True for the name of a field that a create can write. */
export const isWritable = (name: string): name is WritableField => writableFieldNames.includes(name as WritableField);
/** True for a value that is not sent. */
export const isEmpty = (value: unknown) => (value ?? null) === null || (Array.isArray(value) && value.length === 0);

/** The fields that are sent: those with a value. */
export function sentFields({
  engagementType,
  fields,
}: CreateEngagementInput): readonly (readonly [WritableField, unknown])[] {
  const given: EngagementFields = { ...fields, engagement_type: fields.engagement_type ?? engagementType };
  return writableFieldNames.flatMap((name) => (isEmpty(given[name]) ? [] : [[name, given[name]] as const]));
}

type Path = readonly string[];
/** In bytes: more than any record needs, and no more than servers commonly accept. */
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

const checks: Readonly<Partial<Record<FieldKind, (value: never, path: Path) => readonly Finding[]>>> = {
  text: checkText,
  object: checkData,
  reference: ({ id }: { id: string }, path) => checkId(id, [...path, 'id']),
  references: (list: readonly { id: string }[], path) =>
    list.flatMap(({ id }, index) => checkId(id, [...path, String(index), 'id'])),
  phoneNumbers: (list: readonly { number?: string | null }[], path) =>
    list.flatMap((phone, index) =>
      /\d/.test(phone.number ?? '')
        ? checkData(phone, path)
        : [refusal([...path, String(index), 'number'], 'It must have a digit.')],
    ),
};

/** Only moments with an offset can be compared. NaN for any other text. */
const momentOf = (text: string) => (shapes.dateTime.safeParse(text).success ? Date.parse(text) : Number.NaN);

function checkMoments({ fields }: CreateEngagementInput): readonly Finding[] {
  const names = ['start_time', 'end_time'] as const;
  const [start = Number.NaN, end = Number.NaN] = names.map((name) => momentOf(fields[name] ?? ''));
  if (end < start) return [refusal(['input', 'endTime'], 'It must not be before startTime.')];
  const inexact = 'It is not a date-time with an offset, such as 2026-01-31T09:00:00Z. It is sent unchanged.';
  return names
    .filter((name) => fields[name] && Number.isNaN(momentOf(fields[name])))
    .map((name) => warning(['input', argumentOf(name)], inexact));
}

/** Refuses input that a request cannot express, or that creates nothing. */
export function checkCreate(input: CreateEngagementInput): readonly Finding[] {
  const { integratedAccountId, fields, remoteData } = input;
  const given = sentFields(input);
  const rawType = checkRawType(givenTypeOf(input));
  const isNothing = given.length === 0 && Object.keys(remoteData ?? {}).length === 0;
  const hasOther = !Object.keys(fields).every(isWritable);
  return [
    ...checkId(integratedAccountId, ['integratedAccountId']),
    ...(hasOther ? [refusal(['input'], 'It has a field that a create cannot write.')] : []),
    ...given.flatMap(([name, value]) => {
      const check = name === 'engagement_type' ? undefined : checks[resources.engagements[name].kind];
      return check?.(value as never, ['input', argumentOf(name)]) ?? [];
    }),
    ...checkData(remoteData, ['input', 'remoteData']),
    ...rawType.map((finding) => ({ ...finding, path: ['input', ...finding.path] })),
    ...checkTrutoQuery(input, createPaths),
    ...(isNothing ? [refusal(['input'], 'It must have at least one field.')] : []),
  ];
}

/** Refuses a body that is too large, and names its largest field. */
export function checkBody(body: string, input: CreateEngagementInput): readonly Finding[] {
  const length = Buffer.byteLength(body);
  if (length <= maxBodyBytes) return [];
  const sent = sentFields(input).map(([name, value]) => [argumentOf(name), value] as const);
  const message = `The body has ${length} bytes. At most ${maxBodyBytes} are allowed. Shorten it.`;
  return [refusal(['input', longestOf([...sent, ['remoteData', input.remoteData]])], message)];
}

/** Checks what Truto's create page requires of every integration: what it requires is refused, everything else warns (ADR 4). */
export function checkConventions(input: CreateEngagementInput): Finding[] {
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
export function checkCreateIntegration(input: CreateEngagementInput, support: IntegrationSupport): readonly Finding[] {
  const { name, integration } = support;
  if (!canCreate(support))
    return [refusal(['integratedAccountId'], `It belongs to ${name}, which cannot create engagements through Truto.`)];
  const type = typeOf(input);
  if (!integration?.requiresEngagementTypeOnCreate || (type && createTypes.includes(type))) return [];
  const allowed = createTypes.map((each) => each.toUpperCase());
  return [refusal(['input', 'engagementType'], `${name} requires one of ${allowed.join(', ')}.`, allowed)];
}

/** Builds `POST /unified/crm/engagements`. Check the input before. The answer has the sent fields: they prove what it answers. */
export function buildCreateRequest(
  input: CreateEngagementInput,
  selected: ReadonlySet<WireField>,
  authorization: string,
): WriteRequest & { readonly body: string } {
  const type = typeOf(input);
  const sent = sentFields(input);
  const answered = new Set<WireField>([...selected, ...sent.map(([field]) => field)]);
  const query = encodeQuery([
    ['integrated_account_id', input.integratedAccountId],
    ['engagement_type', type && createTypes.includes(type) ? type : undefined],
    ...exclusionParameters('engagements', answered),
    ...parametersOfTruto(input),
  ]);
  const { remoteData } = input;
  const body = { ...Object.fromEntries(sent), ...(remoteData && { remote_data: remoteData }) };
  return {
    method: 'POST',
    path: `/unified/crm/engagements?${query}`,
    headers: { ...headersFor(authorization), 'content-type': 'application/json' },
    body: JSON.stringify(body),
    excludedFields: excludedFields('engagements', answered),
  };
}
