import { z } from 'zod';
import { isJsonObject } from './body.ts';

const names = z.array(z.string().max(200)).max(100);

/** An insight is `{description, value}`; some answers carry the value alone. One of another form says nothing. */
const insight = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .preprocess((found) => (isJsonObject(found) && 'value' in found ? found.value : found), schema)
    .optional()
    .catch(undefined);

/**
 * Truto documents no wording; these are the sandbox's and common ones. So whatever they match is looked up before it is said, and a
 * 404 that they do not match is looked up too.
 */
const accountIsMissing =
  /^(?:the )?integrated[ _-]?account\b(?: with)?(?: id)?[\s:"'`]*[\w-]{0,64}["'`]?\s*(?:was |is |could )?(?:not (?:be )?found|does not exist|doesn't exist)/i;

/** How web frameworks say that they have no such path: that is a wrong address, or a proxy, and nothing about a record. */
const routeIsMissing = /^(?:route\b.*\bnot found|cannot (?:get|delete) )/i;

function whatIsMissing(message: string): UpstreamError['missing'] {
  if (accountIsMissing.test(message)) return 'account';
  return routeIsMissing.test(message) ? 'route' : undefined;
}

/** Upstream's error body; every part may be missing or odd, and then counts as absent. */
const errorBody = z.object({
  statusCode: z.number().optional().catch(undefined),
  message: z.string().catch(''),
  truto_is_remote_error: z.boolean().catch(false),
  raw_response: z.unknown().optional(),
  truto_error_insight: z
    .object({
      missing_required_query_parameters: insight(names),
      forbidden_error: insight(z.object({ missing_scopes: names })),
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
  /** Wire names of required query parameters that were not sent. */
  readonly missingParameters: readonly string[];
  /** Permissions the provider says the account's connection lacks. */
  readonly missingScopes: readonly string[];
}

/** Reads an error body (truto-skills, error-and-evidence-model.md). Anything unreadable is an error that says nothing. */
export function readUpstreamError(json: unknown): UpstreamError {
  const body = errorBody.safeParse(json).data;
  const insights = body?.truto_error_insight;
  return {
    statusCode: body?.statusCode,
    isFromTruto: body?.statusCode !== undefined,
    isRemote: body?.truto_is_remote_error ?? false,
    missing: body?.statusCode === 404 && !body.truto_is_remote_error ? whatIsMissing(body.message) : undefined,
    rawResponse: body?.raw_response,
    missingParameters: insights?.missing_required_query_parameters ?? [],
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
