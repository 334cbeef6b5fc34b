import { encodeQuery } from '../../upstream/query-string.ts';
import { type ArgumentPaths, type EngagementType, normalizedType, typeNamed, type WithTrutoQuery } from '../input.ts';
import { excludedFields, wireFieldsOf } from '../record.ts';
import { exclusionParameters, headersFor, parametersOfTruto, type WriteRequest } from '../request.ts';
import { camelCase, type FieldValue, type ResourceField, resources, type WireField } from '../resources.ts';
import { shapes } from '../shapes.ts';

type Fields = typeof resources.engagements;

/** A field of an engagement that a create can write. */
export type WritableField = {
  [Field in WireField]: Fields[Field] extends { readonly isReadOnly: true } ? never : Field;
}[WireField];

const rows: Readonly<Record<string, ResourceField>> = resources.engagements;

/** The fields that a create can write, in the documentation's order. */
export const writableFieldNames = wireFieldsOf('engagements').filter(
  (field) => rows[field]?.isReadOnly !== true,
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
export const createTypes: readonly EngagementType[] = ['call', 'meeting'];

/** The documented type of the new engagement. Null for none, and for a provider's own. */
export function typeOf({ engagementType, fields }: CreateEngagementInput): EngagementType | null {
  return engagementType ?? typeNamed(fields.engagement_type);
}

/** The type in the fields. It may be a provider's own. */
export function rawTypeOf({ engagement_type: type }: EngagementFields): string | null {
  return type ?? null;
}

/** The fields with a provider's own type. Without one, they are unchanged. */
export function withRawType(fields: EngagementFields, type: string | null | undefined): EngagementFields {
  return type === null || type === undefined ? fields : { ...fields, engagement_type: type };
}

/** True for an engagement that has a direction. Truto documents it for calls only. */
export function isCallOrUntyped({ engagementType, fields }: CreateEngagementInput): boolean {
  const type = engagementType ?? normalizedType(fields.engagement_type);
  return type === null || type === 'call';
}

/** The name of a field in `CreateEngagementInput`. The type is a documented one there, not the provider's own. */
export function argumentOf(field: WritableField): string {
  return field === 'engagement_type' ? 'engagementType' : (rows[field]?.name ?? camelCase(field));
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

/**
 * Picks the fields of a record that a create can write, such as to create it anew.
 * @returns the fields, and the names of those with a value that are left out: read-only, unknown, or malformed ones.
 */
export function writableFields(record: Readonly<Record<string, unknown>>): {
  readonly fields: EngagementFields;
  readonly leftOut: readonly string[];
} {
  const fields: Record<string, unknown> = {};
  const isOther = (name: string) => name !== 'id' && !writableFieldNames.includes(name as WritableField);
  const leftOut = Object.keys(record).filter((name) => isOther(name) && record[name] !== null);
  for (const name of writableFieldNames) {
    const value = record[name] ?? null;
    if (value === null || (Array.isArray(value) && value.length === 0)) continue;
    const read = shapes[resources.engagements[name].kind].safeParse(value);
    if (read.success) fields[name] = name === 'phone_numbers' ? withoutIds(read.data) : read.data;
    else leftOut.push(name);
  }
  if (fields.direction !== undefined && !isCallOrUntyped({ integratedAccountId: '', fields })) {
    delete fields.direction;
    leftOut.push('direction');
  }
  return { fields, leftOut };
}

/** A new phone number has no id yet. */
function withoutIds(numbers: unknown): unknown {
  return (numbers as readonly Record<string, unknown>[]).map(({ id: _id, ...rest }) => rest);
}

/** The fields that are sent: those with a value. */
export function sentFields({
  engagementType,
  fields,
}: CreateEngagementInput): readonly (readonly [WritableField, unknown])[] {
  const given: EngagementFields = { ...fields, engagement_type: fields.engagement_type ?? engagementType };
  return writableFieldNames.flatMap((name) => {
    const value = given[name] ?? null;
    return value === null || (Array.isArray(value) && value.length === 0) ? [] : [[name, value] as const];
  });
}

/**
 * Builds `POST /unified/crm/engagements`. Check the input before. The sent fields are not excluded from the answer: they prove that it
 * answers this request.
 */
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
