import { z } from 'zod';
import { isJsonObject } from './body.ts';

/** Names as parameters have them: what else a body calls a name is prose. */
const names = z.array(z.string().regex(/^[\w.[\]-]{1,200}$/)).max(100);

/** Scopes may be any text: `crm:delete`, an address. */
const scopes = z.array(z.string().max(200)).max(100);

/** Where a caller gives what upstream calls by its wire name. */
export const argumentPaths: Readonly<Record<string, readonly string[]>> = {
  id: ['id'],
  integrated_account_id: ['integratedAccountId'],
  engagement_type: ['engagementType'],
  truto_response_format: ['format'],
  sort_by: ['parameters', 'sortBy'],
  content: ['parameters', 'content'],
  subject: ['parameters', 'subject'],
  direction: ['parameters', 'direction'],
  created_at: ['parameters', 'createdAt'],
  updated_at: ['parameters', 'updatedAt'],
  status: ['parameters', 'status'],
  account: ['parameters', 'account'],
  contact: ['parameters', 'contacts'],
  remote_query: ['remoteQuery'],
};

/** An insight is `{description, value}`; some answers carry the value alone. One of another form says nothing. */
const insight = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .preprocess((found) => (isJsonObject(found) && 'value' in found ? found.value : found), schema)
    .optional()
    .catch(undefined);

/** Much longer than any message: what comes after it is not read. */
const maxMessageLength = 2_000;

/**
 * Truto documents no wording; these are the sandbox's and common ones. So whatever they match is looked up before it is said, and a
 * 404 that they do not match is looked up too.
 */
const accountIsMissing =
  /^(?:the )?integrated[ _-]?account\b(?: with)?(?: id)?(?:[\s:"'`]*[\w-]{1,64}["'`]?)?\s*(?:was |is |could )?(?:not (?:be )?found|does not exist|doesn't exist)/i;

/** How web frameworks say that they have no such path: that is a wrong address, or a proxy, and nothing about a record. */
const routeIsMissing = /^(?:route\b.*\bnot found|cannot (?:get|delete) )/i;

function whatIsMissing(words: string | readonly string[]): UpstreamError['missing'] {
  const message = [words].flat().join(' ').slice(0, maxMessageLength);
  if (accountIsMissing.test(message)) return 'account';
  return routeIsMissing.test(message) ? 'route' : undefined;
}

/** Upstream's error body; every part may be missing or odd, and then counts as absent. */
const errorBody = z.object({
  statusCode: z.number().optional().catch(undefined),
  error: z.string().optional().catch(undefined),
  truto_is_remote_error: z.boolean().catch(false),
  raw_response: z.unknown().optional(),
  message: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .catch(undefined),
  details: z
    .object({ failures: z.array(z.unknown()).max(100) })
    .optional()
    .catch(undefined),
  truto_error_insight: z
    .object({
      missing_required_query_parameters: insight(names),
      missing_required_body_fields: insight(names),
      forbidden_error: insight(z.object({ missing_scopes: scopes })),
    })
    .optional()
    .catch(undefined),
});

/**
 * What a refusal says that callers can use. Upstream's own prose is not among it: it may quote addresses and
 * credentials, and its wording is nobody's contract.
 */
export interface UpstreamError {
  /** The status that the body itself names. */
  readonly statusCode: number | undefined;
  /** True when the body has Truto's form: something in between, such as a proxy, answers otherwise. */
  readonly isFromTruto: boolean;
  /** True when the provider refused or failed; false when it was Truto. */
  readonly isRemote: boolean;
  /** What Truto says is not there, as far as its words can be read; only with a 404. */
  readonly missing: 'account' | 'route' | undefined;
  /** The provider's own body, as JSON or text. */
  readonly rawResponse: unknown;
  /** Wire names of required parameters that were not sent. */
  readonly missingParameters: readonly string[];
  /** Wire names of other parameters that Truto refused by name. */
  readonly refusedParameters: readonly string[];
  /** Permissions the provider says the account's connection lacks. */
  readonly missingScopes: readonly string[];
}

/** What comes after a name at the beginning of a message, as in "name is required" (errors.md). */
const afterName = /^ (?:is|are|must|should|has|have|does|cannot|was) /;

/**
 * The parameters that Truto's message names: it begins with one, or has it in quotation marks. A word of English counts only
 * where there is such an argument.
 */
function namesIn(message: string | readonly string[] | undefined): readonly string[] {
  const texts = [message ?? []].flat().slice(0, 100);
  return texts.flatMap((text) =>
    [...text.slice(0, maxMessageLength).matchAll(/[a-z_]+/g)]
      .filter(({ index, 0: word }) => {
        const [before = '', after = ''] = [text[index - 1], text[index + word.length]];
        const isQuoted = /["'`]/.test(before) && /["'`]/.test(after);
        const isFirst = index === 0 && afterName.test(text.slice(word.length, word.length + 12));
        return (isQuoted || isFirst) && (Object.hasOwn(argumentPaths, word) || word.includes('_'));
      })
      .map(([word]) => word),
  );
}

/** The fields that `details.failures` name (truto-skills, unified-api.md, which leaves their form open). */
function failuresNamed({ details }: z.output<typeof errorBody>): readonly string[] {
  return (details?.failures ?? []).filter(isJsonObject).flatMap((failure) => {
    const keys = ['field', 'path', 'property', 'parameter', 'name'] as const;
    const found = keys.map((key) => failure[key]).find((name) => name !== undefined);
    return names.safeParse([Array.isArray(found) ? found.join('.') : found]).data ?? [];
  });
}

/** Reads an error body (truto-skills, error-and-evidence-model.md). Anything unreadable is an error that says nothing. */
export function readUpstreamError(json: unknown): UpstreamError {
  const body = errorBody.safeParse(json).data;
  const insights = body?.truto_error_insight;
  const isRemote = body?.truto_is_remote_error ?? false;
  const missingParameters = [
    ...(insights?.missing_required_query_parameters ?? []),
    ...(insights?.missing_required_body_fields ?? []),
  ];
  // A provider's message speaks of the provider's own parameters.
  const named = body && !isRemote ? [...failuresNamed(body), ...namesIn(body.message)] : [];
  return {
    statusCode: body?.statusCode,
    // All three are guaranteed (errors.md): other frameworks and gateways have one or two of them.
    isFromTruto: [body?.statusCode, isRemote || body?.error, isRemote || body?.message].every(
      (part) => part !== undefined,
    ),
    isRemote,
    missing: body?.statusCode === 404 && !isRemote ? whatIsMissing(body.message ?? '') : undefined,
    rawResponse: body?.raw_response,
    missingParameters: [...new Set(missingParameters)],
    refusedParameters: [...new Set(named)].filter((name) => !missingParameters.includes(name)),
    missingScopes: insights?.forbidden_error?.missing_scopes ?? [],
  };
}

/** True for Truto's error form, which a 2xx should never have. */
export function isError(json: unknown): boolean {
  // Nearly no success has either, and to read an error's form for nothing costs more than to look.
  if (!isJsonObject(json) || !('statusCode' in json || 'truto_is_remote_error' in json)) return false;
  const { isRemote, statusCode } = readUpstreamError(json);
  return isRemote || (statusCode ?? 0) >= 400;
}
