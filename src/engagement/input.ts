/*
 * The arguments of callers, and the query parameter of Truto for each. `rules.ts` checks arguments, `request.ts` writes them, and
 * `refusal.ts` maps the parameters in Truto's refusals back to them. All three use the tables here.
 */

/** The types of engagements, in upstream's spelling. Seed: query parameter `engagement_type`. */
export const engagementTypes = ['call', 'chat', 'email', 'meeting', 'note'] as const;

/** One of {@link engagementTypes}. */
export type EngagementType = (typeof engagementTypes)[number];
/** Normalizes a type for comparison: in lower case, without surrounding space. Null when nothing is left. */
export const normalizedType = (type: string | null | undefined): string | null => type?.trim().toLowerCase() || null;

/** The documented type with that name, in any case of letters. Null for a provider's own type. */
export function typeNamed(name: string | null | undefined): EngagementType | null {
  const normalized = normalizedType(name);
  return engagementTypes.find((type) => type === normalized) ?? null;
}

/** The type of an engagement in the input: one of them, not both. */
export interface GivenType {
  readonly engagementType?: string | null | undefined;
  /** The provider's own name for it. */
  readonly rawEngagementType?: string | null | undefined;
}

/** The type that is sent. */
export function sentType({ engagementType, rawEngagementType }: GivenType): string | null {
  return engagementType ?? rawEngagementType ?? null;
}

/** The forms of upstream's answer. Seed: query parameter `truto_response_format`. */
export const responseFormats = ['unified', 'normalized', 'raw', 'stream'] as const;

/** One of {@link responseFormats}. */
export type ResponseFormat = (typeof responseFormats)[number];
/** The fields that upstream can sort by. Seed: query parameter `sort_by`. */
export const engagementSorts = ['created_at', 'updated_at'] as const;

/** One of {@link engagementSorts}. */
export type EngagementSort = (typeof engagementSorts)[number];

/** A reference to a record by id. */
export interface RecordReference {
  readonly id: string;
}

/** A moment. Or a date, or a date and time, as text without an offset: the provider decides its zone. */
type Moment = Date | string;

/** The value of each kind of argument. The kind decides how the value is checked and written. */
interface ArgumentValues {
  /** A literal that GraphQL has checked. */
  readonly type: EngagementType;
  readonly sort: EngagementSort;
  readonly text: string;
  readonly date: Moment;
  readonly reference: RecordReference;
  readonly references: readonly RecordReference[];
  /** The id of a record, written as a reference; `idInList`, for a list field of a record, as a list of one reference. */
  readonly id: string;
  readonly idInList: string;
  /** After and before, both exclusive. Either may be open. */
  readonly range: { readonly gt?: Moment | null | undefined; readonly lt?: Moment | null | undefined };
}

/** One argument, and its query parameter of Truto. */
export interface Argument {
  readonly wireName: string;
  readonly kind: keyof ArgumentValues;
  /** Truto documents it for emails only: "Set this value only when engagement type is email." */
  readonly isEmailOnly?: true;
}

/** Arguments by their GraphQL names. They are checked and written in this order. */
export type Arguments = Readonly<Record<string, Argument>>;

/** The values for a table of arguments. Absent and null mean the same: not sent. */
type Given<Table extends Arguments> = {
  readonly [Name in keyof Table]?: ArgumentValues[Table[Name]['kind']] | null | undefined;
};

/** The query parameters of a delete's arguments outside `parameters`. */
export const wireNames = {
  id: 'id',
  integratedAccountId: 'integrated_account_id',
  format: 'truto_response_format',
  engagementType: 'engagement_type',
  remoteQuery: 'remote_query',
} as const satisfies Partial<Record<keyof DeleteEngagementInput, string>>;

/** The `parameters` of a delete: the seed's other query parameters. */
export const deleteParameters = {
  sortBy: { wireName: 'sort_by', kind: 'sort' },
  content: { wireName: 'content', kind: 'text', isEmailOnly: true },
  subject: { wireName: 'subject', kind: 'text', isEmailOnly: true },
  direction: { wireName: 'direction', kind: 'text', isEmailOnly: true },
  createdAt: { wireName: 'created_at', kind: 'date' },
  updatedAt: { wireName: 'updated_at', kind: 'date' },
  status: { wireName: 'status', kind: 'text' },
  account: { wireName: 'account', kind: 'reference' },
  contacts: { wireName: 'contact', kind: 'references' },
} as const satisfies Arguments;

/** The `filter` of a list. Truto documents ranges as operators: `created_at[gt]=…`. */
export const filterArguments = {
  engagementType: { wireName: 'engagement_type', kind: 'type' },
  owner: { wireName: 'owner', kind: 'id' },
  account: { wireName: 'account', kind: 'id' },
  contact: { wireName: 'contact', kind: 'idInList' },
  opportunity: { wireName: 'opportunity', kind: 'idInList' },
  lead: { wireName: 'lead', kind: 'idInList' },
  subject: { wireName: 'subject', kind: 'text' },
  content: { wireName: 'content', kind: 'text' },
  status: { wireName: 'status', kind: 'text' },
  createdAt: { wireName: 'created_at', kind: 'range' },
  updatedAt: { wireName: 'updated_at', kind: 'range' },
  startTime: { wireName: 'start_time', kind: 'range' },
  endTime: { wireName: 'end_time', kind: 'range' },
} as const satisfies Arguments;

const { id, integratedAccountId, engagementType } = wireNames;
/** The query parameters of a list's arguments outside `filter`. `engagementType` is in both. */
const listNames = { integratedAccountId, first: 'limit', after: 'next_cursor', engagementType, sortBy: 'sort_by' };

/** The paths of arguments, by wire name. */
export type ArgumentPaths = ReadonlyMap<string, readonly string[]>;

function pathsOf(names: Readonly<Record<string, string>>, table: Arguments, parent: string): ArgumentPaths {
  return new Map<string, readonly string[]>([
    ...Object.entries(table).map(([name, { wireName }]) => [wireName, [parent, name]] as const),
    ...Object.entries(names).map(([name, wireName]) => [wireName, [name]] as const),
  ]);
}

/** The paths of the arguments of a delete. */
export const deletePaths = pathsOf(wireNames, deleteParameters, 'parameters');
/** The paths of the arguments of a list. */
export const listPaths = pathsOf(listNames, filterArguments, 'filter');
/** The paths of the arguments of a read of one engagement. */
export const readPaths = pathsOf({ id, integratedAccountId, engagementType }, {}, '');

/** Query parameters of Truto by their own names, that the caller's environment has in addition to the documented ones. */
export interface WithTrutoQuery {
  readonly trutoQuery?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The values of {@link deleteParameters}. */
export type DeleteEngagementParameters = Given<typeof deleteParameters>;

/** The names in {@link DeleteEngagementParameters}. */
export type DeleteEngagementParameter = keyof DeleteEngagementParameters;

/** Which engagements to list. */
export type EngagementFilter = Given<typeof filterArguments>;
/** Upstream's default page size. */
export const defaultPageSize = 25;

/** The input of a list: which page of which engagements. */
export interface EngagementsInput extends WithTrutoQuery {
  readonly integratedAccountId: string;
  /** 1 to 100. @default 25 */
  readonly first?: number | null | undefined;
  /** Upstream's cursor of the page. Absent or empty for the first page. */
  readonly after?: string | null | undefined;
  readonly filter: EngagementFilter;
  /** In place of the filter's type: one by the provider's own name. */
  readonly rawEngagementType?: string | null | undefined;
  /** @default the provider's own order */
  readonly order?: { readonly field: EngagementSort; readonly direction: 'asc' | 'desc' } | undefined;
}

/** Which engagement to delete, and how. */
export interface DeleteEngagementInput extends WithTrutoQuery, GivenType {
  readonly engagementType?: EngagementType | null | undefined;
  readonly id: string;
  readonly integratedAccountId: string;
  readonly format: ResponseFormat;
  readonly parameters?: DeleteEngagementParameters | null | undefined;
  readonly remoteQuery?: Readonly<Record<string, unknown>> | null | undefined;
}

/** True when a second execution does no more than the first. Unknown, so false, with parameters that Truto does not document. */
export function isRepeatable({ remoteQuery, trutoQuery }: DeleteEngagementInput): boolean {
  return Object.keys({ ...remoteQuery, ...trutoQuery }).length === 0;
}

/** True when the answer is Truto's record of the engagement. For RAW and STREAM, it is the provider's body. */
export function hasRecord({ format }: DeleteEngagementInput): boolean {
  return format === 'unified' || format === 'normalized';
}
