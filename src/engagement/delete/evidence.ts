import type { UpstreamAnswer } from '../../upstream/attempt.ts';
import { isJsonObject, type ReadBody } from '../body.ts';
import { type DeleteEngagementInput, hasRecord } from '../input.ts';
import type { Integration } from '../integrations.ts';
import { isIdValue, isSameId } from '../record.ts';

/*
 * What a 2xx answer to a delete may be taken for. `DELETED` needs evidence: no body, or JSON that does not read like an error.
 * Everything else is of unknown outcome, but for the forms in which a provider documents its own "no".
 */

type Json = Readonly<Record<string, unknown>>;

/**
 * What a provider's own record says of its deletion, where deleted ones stay readable: Copper and Pipedrive (v2) write `is_deleted`,
 * Pipedrive (v1) `active_flag`. Undefined when it says nothing.
 */
export function readDeletedMark(remoteData: unknown): boolean | undefined {
  if (!isJsonObject(remoteData)) return undefined;
  const { is_deleted: isDeleted, active_flag: isActive, data } = remoteData;
  if (isDeleted === true || isActive === false) return true;
  if (isDeleted === false || isActive === true) return false;
  return readDeletedMark(data);
}

/** The answer to a delete, as the table below looks at it. */
interface Seen {
  readonly statusCode: number;
  /** The media types that `Content-Type` names, in lower case and without parameters. One that came twice names two. */
  readonly mediaTypes: readonly string[];
  readonly body: ReadBody;
  readonly input: DeleteEngagementInput;
  readonly integration: Integration | null;
}

/** What a 2xx answer may be taken for. */
export type Evidence =
  | { readonly kind: 'success'; readonly warnings: readonly string[] }
  /** The provider refused, in a form that it documents. */
  | { readonly kind: 'refused' }
  /** It proves nothing. `why` continues "Upstream answered with status 200, but ". */
  | { readonly kind: 'unknown'; readonly why: string; readonly isForeign: boolean };

/** Without parameters; quoted text may have a comma or semicolon of its own. */
function readMediaTypes(header: string | undefined): readonly string[] {
  const types = (header ?? '')
    .toLowerCase()
    .replace(/"[^"]*"/g, '')
    .split(',');
  return types.map((type) => type.split(';', 1)[0]?.trim() ?? '').filter((type) => type !== '');
}

const pageTypes = new Set(['text/html', 'application/xhtml+xml']);

/** True for what a proxy, a portal or a login page sends, and Truto never does. */
function isPageType({ mediaTypes }: Pick<Seen, 'mediaTypes'>): boolean {
  return mediaTypes.length > 1 || mediaTypes.some((type) => pageTypes.has(type));
}

/** 200, 201 and 204 are documented as success (Truto, errors.md), 202 is "accepted". */
const successStatuses = new Set([200, 201, 202, 204]);

/** True for a value that says something: `"error": null` and `"errors": []` do not. */
function isFilled(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

function isNo(value: unknown): boolean {
  return value === false || value === 0 || (typeof value === 'string' && /^(false|no|0)$/i.test(value));
}

function isFailureStatus(value: unknown): boolean {
  const isNumeric = typeof value === 'number' || (typeof value === 'string' && /^\d{3}$/.test(value));
  return isNumeric && Number(value) >= 400;
}

const failureWords = new Set(['error', 'fail']);

function isFailureWord(value: unknown): boolean {
  return typeof value === 'string' && failureWords.has(value.toLowerCase());
}

/** The forms of JSON in which somebody says "no" under a 2xx, each with who does. */
const errorForms: readonly (readonly [form: string, matches: (json: Json) => boolean])[] = [
  // https://www.truto.one/docs/api-reference/overview/errors.md
  ["it has Truto's error form", (json) => json.truto_is_remote_error === true],
  // HighLevel, Pipeliner (`http_status`), Monday's older form (`status_code`), OnePageCRM (`status`), many frameworks.
  [
    'it names a status of failure',
    ({ statusCode, status_code: code, http_status: http, status }) =>
      [statusCode, code, http].some(isFailureStatus) || (typeof status === 'number' && isFailureStatus(status)),
  ],
  // Pipedrive, Zendesk Sell, Monday (developer.monday.com/api-reference/docs/errors), RFC 6749 section 5.2.
  ['it lists an error', ({ error, errors }) => isFilled(error) || isFilled(errors)],
  // Monday's older form, OnePageCRM, AWS and others.
  [
    'it lists an error',
    (json) => ['error_code', 'errorCode', 'error_message', 'errorMessage'].some((key) => isFilled(json[key])),
  ],
  // Affinity, Pipedrive, Pipeliner; HighLevel documents both spellings of `succeeded`; Slack's `ok`; Stripe's `deleted`.
  [
    'it says that it did not succeed',
    (json) => ['success', 'succeeded', 'succeded', 'ok', 'deleted'].some((key) => isNo(json[key])),
  ],
  // Zoho CRM (zoho.com/crm/developer/docs/api), JSend.
  ['it says that it did not succeed', ({ status }) => isFailureWord(status)],
];

/**
 * Finds an error's form in JSON, in its `data`, and in the items of a list of either. Beside the right id, `status` is the
 * engagement's own, which may be any word.
 */
function findErrorForm(json: unknown, id: string): string | undefined {
  if (Array.isArray(json)) return json.map((item) => findErrorForm(item, id)).find((form) => form !== undefined);
  if (!isJsonObject(json)) return undefined;
  const isRecord = typeof json.status === 'string' && isSameId(json.id ?? json._id, id);
  const looked = isRecord ? { ...json, status: undefined } : json;
  return errorForms.find(([, matches]) => matches(looked))?.[0] ?? findErrorForm(json.data, id);
}

/** The ids by which an answer names what it deleted: at its top, in its `data`, in Zoho's `details`, in Monday's `delete_…`. */
function idsNamed(json: unknown): readonly unknown[] {
  if (Array.isArray(json)) return json.flatMap(idsNamed);
  if (!isJsonObject(json)) return [];
  const inner = Object.entries(json).filter(
    ([key]) => key === 'data' || key === 'details' || key.startsWith('delete_'),
  );
  return [json.id ?? json._id, ...inner.flatMap(([, value]) => idsNamed(value))].filter(isIdValue);
}

/** True for the answer to a list, which is not what was asked for. */
function isPage(json: unknown): boolean {
  return isJsonObject(json) && Array.isArray(json.result) && Object.hasOwn(json, 'next_cursor');
}

function namesAnother({ body, input }: Seen): boolean {
  const json = body.kind === 'json' ? body.value : undefined;
  if (isPage(json)) return true;
  // Truto's own word on which record it is needs none of the provider's.
  const own = hasRecord(input) && isJsonObject(json) && isIdValue(json.id) ? [json.id] : undefined;
  const ids = own ?? [...idsNamed(json), ...(hasRecord(input) ? idsNamed(providerBodyOf(body, input)) : [])];
  return ids.length > 0 && !ids.some((id) => isSameId(id, input.id));
}

/** A value that stands where JSON of a provider should: `true` says yes, all other plain values say nothing for sure. */
function isPlainDoubt(value: unknown): boolean {
  return !isJsonObject(value) && !Array.isArray(value) && value !== true;
}

/**
 * Monday answers 200 for everything. Its own field that is null or absent, with an error that does not name another field, is
 * a refusal; a filled one beside errors is a deleted record, of which something could not be read. Older answers have an
 * `error_code` in place of `data`.
 */
function readMonday(json: Json, id: string): Evidence | undefined {
  const fields = isJsonObject(json.data) ? Object.entries(json.data) : [];
  const own = fields.some(([key]) => key.startsWith('delete_'))
    ? fields.filter(([key]) => key.startsWith('delete_'))
    : fields;
  const filled = own.filter(([, value]) => isFilled(value));
  const names = new Set<unknown>(own.map(([name]) => name));
  const errors = Array.isArray(json.errors) ? json.errors.filter(isJsonObject) : [];
  if (filled.length === 0 && isFilled(json.error_code)) return { kind: 'refused' };
  if (errors.length === 0) {
    return own.some(([, value]) => value === null) ? unknown("the provider's own field is null") : undefined;
  }
  if (filled.length === 0) {
    const isNamed = errors.some(({ path }) => !Array.isArray(path) || names.size === 0 || names.has(path[0]));
    return isNamed ? { kind: 'refused' } : unknown('it lists an error');
  }
  const isContradicted = errors.some(({ path }) => Array.isArray(path) && path.length === 1 && names.has(path[0]));
  if (isContradicted || filled.length < own.length) return unknown('it has both a record and an error for it');
  const otherForm = findErrorForm({ ...json, errors: undefined }, id);
  if (otherForm) return unknown(otherForm);
  return success(["The provider's answer lists errors beside the deleted record."]);
}

/** How each provider documents a "no" that may come with a 2xx. Undefined says nothing; the general forms go for all. */
const providerForms: Readonly<Record<string, (json: Json, id: string) => Evidence | undefined>> = {
  Affinity: ({ success }) => (success === false ? { kind: 'refused' } : undefined),
  Highlevel: (json) => (json.succeeded === false || json.succeded === false ? { kind: 'refused' } : undefined),
  'Monday CRM': readMonday,
  Pipedrive: ({ success }) => (success === false ? { kind: 'refused' } : undefined),
  Pipeliner: ({ success }) => (success === false ? { kind: 'refused' } : undefined),
  'Zoho CRM': (json) => {
    const items = Array.isArray(json.data) ? json.data : [json];
    const isError = (item: unknown) => isJsonObject(item) && item.status === 'error';
    return items.length > 0 && items.every(isError) ? { kind: 'refused' } : undefined;
  },
};

function unknown(why: string, isForeign = false): Evidence {
  return { kind: 'unknown', why, isForeign };
}

function success(warnings: readonly string[] = []): Evidence {
  return { kind: 'success', warnings };
}

const streamedPage =
  'The body is a page: it may come from something between Truto and this server, which did not pass the delete on.';

/**
 * The provider's own body: all of a RAW answer, `remote_data` of a record.
 * @returns undefined where the answer has none.
 */
export function providerBodyOf(body: ReadBody, input: DeleteEngagementInput): unknown {
  if (body.kind !== 'json') return body.kind === 'text' && !hasRecord(input) ? body.value : undefined;
  if (!hasRecord(input)) return body.value;
  return isJsonObject(body.value) ? body.value.remote_data : undefined;
}

/** The table: the first row that says something decides. */
const rows: readonly ((seen: Seen) => Evidence | undefined)[] = [
  ({ statusCode }) =>
    successStatuses.has(statusCode) ? undefined : unknown('that status does not say that all was done'),
  // A stream goes to the client as it comes: its status and its type are all that is looked at.
  (seen) => (seen.body.kind === 'streaming' ? success(isPageType(seen) ? [streamedPage] : []) : undefined),
  ({ body }) => (body.kind === 'unreadable' ? unknown(`its body could not be read: ${body.why}`) : undefined),
  (seen) => (isPageType(seen) ? unknown('its type is that of a page, which Truto never sends') : undefined),
  ({ body }) => (body.kind === 'text' ? unknown('its body is text, which Truto never sends') : undefined),
  ({ body }) => (body.kind === 'empty' ? success() : undefined),
  ({ body }) => (body.kind === 'json' && isPlainDoubt(body.value) ? unknown('its body is no JSON object') : undefined),
  (seen) =>
    namesAnother(seen) ? unknown('it names another engagement, so it answers another request', true) : undefined,
  // What Truto itself says of the record.
  ({ body, input }) => {
    if (body.kind !== 'json' || !hasRecord(input)) return undefined;
    const form = findErrorForm(body.value, input.id);
    return form === undefined ? undefined : unknown(form);
  },
  // What the provider says, first in its own form.
  ({ body, input, integration }) => {
    const provider = providerBodyOf(body, input);
    return integration && isJsonObject(provider) ? providerForms[integration.name]?.(provider, input.id) : undefined;
  },
  ({ body, input }) => {
    const provider = providerBodyOf(body, input);
    if (provider === undefined || provider === null || provider === '') return undefined;
    const form = isPlainDoubt(provider) ? 'the provider answered no JSON object' : findErrorForm(provider, input.id);
    return form === undefined ? undefined : unknown(form);
  },
];

/** Tells what a 2xx answer to a delete may be taken for, by the first row of the table above that says something. */
export function readEvidence(
  { statusCode, headers }: UpstreamAnswer,
  body: ReadBody,
  { input, integration }: Pick<Seen, 'input' | 'integration'>,
): Evidence {
  const seen = { statusCode, mediaTypes: readMediaTypes(headers['content-type']), body, input, integration };
  for (const row of rows) {
    const evidence = row(seen);
    if (evidence) return evidence;
  }
  return success();
}
