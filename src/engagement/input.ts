/**
 * The input of one delete, as the caller means it: camelCase names, upstream's own literals as values.
 * `request.ts` turns it into what goes on the wire; `rules.ts` says whether it may.
 */

/** What kinds of engagement exist, in upstream's spelling. Seed: query parameter `engagement_type`. */
export const engagementTypes = ['call', 'chat', 'email', 'meeting', 'note'] as const;

/** One of {@link engagementTypes}. */
export type EngagementType = (typeof engagementTypes)[number];

/** A word for a kind of engagement as it is compared: its case, and the space around it, mean nothing. Null when it says nothing. */
export function typeWord(word: string | null | undefined): string | null {
  return word?.trim().toLowerCase() || null;
}

/** The documented kind that a word names; null for a word of a provider's own. */
export function typeNamed(word: string | null | undefined): EngagementType | null {
  const compared = typeWord(word);
  return engagementTypes.find((type) => type === compared) ?? null;
}

/** The four answers upstream can give. Seed: query parameter `truto_response_format`. */
export const responseFormats = ['unified', 'normalized', 'raw', 'stream'] as const;

/** One of {@link responseFormats}. */
export type ResponseFormat = (typeof responseFormats)[number];

/** What upstream can sort by. Seed: query parameter `sort_by`. */
export const engagementSorts = ['created_at', 'updated_at'] as const;

/** One of {@link engagementSorts}. */
export type EngagementSort = (typeof engagementSorts)[number];

/** A record named by its id. */
export interface RecordReference {
  readonly id: string;
}

/** The seed's further query parameters. Absent and null mean the same: not sent. */
export interface DeleteEngagementParameters {
  readonly sortBy?: EngagementSort | null | undefined;
  readonly content?: string | null | undefined;
  readonly subject?: string | null | undefined;
  readonly direction?: string | null | undefined;
  readonly createdAt?: Date | null | undefined;
  readonly updatedAt?: Date | null | undefined;
  readonly status?: string | null | undefined;
  readonly account?: RecordReference | null | undefined;
  readonly contacts?: readonly RecordReference[] | null | undefined;
}

/** The names a caller uses for {@link DeleteEngagementParameters}. */
export type DeleteEngagementParameter = keyof DeleteEngagementParameters;

/** Everything that says which engagement to delete and how. */
export interface DeleteEngagementInput {
  readonly id: string;
  readonly integratedAccountId: string;
  readonly format: ResponseFormat;
  readonly engagementType?: EngagementType | null | undefined;
  readonly parameters?: DeleteEngagementParameters | null | undefined;
  readonly remoteQuery?: Readonly<Record<string, unknown>> | null | undefined;
}

/**
 * True when carrying the delete out twice does no more than once. A delete by id does; what a provider's own parameters
 * do twice is not for us to promise.
 */
export function isRepeatable({ remoteQuery }: DeleteEngagementInput): boolean {
  return Object.keys(remoteQuery ?? {}).length === 0;
}

/** True where the answer is Truto's record of the engagement; RAW and STREAM answer with the provider's own body, whole. */
export function hasRecord({ format }: DeleteEngagementInput): boolean {
  return format === 'unified' || format === 'normalized';
}
