import type { UpstreamAnswer } from '../../upstream/attempt.ts';
import { isJsonObject, type ReadBody } from '../body.ts';
import { type DeleteEngagementInput, hasRecord } from '../input.ts';
import type { Integration, RefusalForm } from '../integrations.ts';
import { isIdValue, isSameId } from '../record.ts';

/*
 * What a 2xx answer to a delete proves. `DELETED` needs evidence: no body, or JSON that is not an error. All other answers mean an
 * unknown outcome, except for refusals in a form that the provider documents.
 */

type Json = Readonly<Record<string, unknown>>;

/** `unknown`: it proves nothing. `why` continues "The answer has status 200, but ". */
type Evidence =
  | { readonly kind: 'success'; readonly warnings: readonly string[] }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown'; readonly why: string; readonly isForeign: boolean };

const unknown = (why: string, isForeign = false): Evidence => ({ kind: 'unknown', why, isForeign });
const success = (...warnings: readonly string[]): Evidence => ({ kind: 'success', warnings });
const refused: Evidence = { kind: 'refused' };
const pageType = /^(text\/html|application\/xhtml\+xml)$/;

/** True for the type of a page of a proxy, portal or login, which Truto never sends. Also true for a repeated header. */
export function isPageType(header: string | undefined): boolean {
  if (header === undefined || header === 'application/json') return false;
  const types = header
    .toLowerCase()
    .replace(/"[^"]*"/g, '')
    .split(',')
    .map((type) => type.split(';', 1)[0]?.trim() ?? '')
    .filter((type) => type !== '');
  return types.length > 1 || types.some((type) => pageType.test(type));
}

/** 200, 201 and 204 are documented as success (Truto, errors.md), 202 is "accepted". A create accepts them only with a record in the body. */
export const successStatuses = new Set([200, 201, 202, 204]);

/** True for a value with content: false for `"error": null` and `"errors": []`. */
function isFilled(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

function isNegative(value: unknown): boolean {
  return value === false || value === 0 || (typeof value === 'string' && /^(false|no|0)$/i.test(value));
}

function isFailureStatus(value: unknown): boolean {
  const isNumeric = typeof value === 'number' || (typeof value === 'string' && /^\d{3}$/.test(value));
  return isNumeric && Number(value) >= 400;
}

/** The keys of a status in JSON: HighLevel, Pipeliner (`http_status`), Monday's older form (`status_code`), many frameworks. */
const statusKeys = ['statusCode', 'status_code', 'http_status'] as const;

/**
 * The keys of an error in JSON: Pipedrive, Zendesk Sell, Monday (developer.monday.com/api-reference/docs/errors), RFC 6749 section 5.2;
 * Monday's older form, OnePageCRM, AWS and others.
 */
const errorKeys = ['error', 'errors', 'error_code', 'errorCode', 'error_message', 'errorMessage'] as const;
/** The keys of a refusal in JSON: Affinity, Pipedrive, Pipeliner; HighLevel in both spellings; Slack's `ok`; Stripe's `deleted`. */
const successKeys = ['success', 'succeeded', 'succeded', 'ok', 'deleted'] as const;

/** Finds the form of an error in JSON. @param status undefined for an engagement, whose status may be any word. */
function errorFormOf(json: Json, status: unknown): string | undefined {
  // https://www.truto.one/docs/api-reference/overview/errors.md
  if (json.truto_is_remote_error === true) return "its body has Truto's error form";
  const hasFailed = statusKeys.some((key) => isFailureStatus(json[key]));
  if (hasFailed || (typeof status === 'number' && isFailureStatus(status)))
    return 'its body has the status of an error';
  if (errorKeys.some((key) => isFilled(json[key]))) return 'its body lists an error';
  // Zoho CRM (zoho.com/crm/developer/docs/api) and JSend.
  const hasFailureStatus = typeof status === 'string' && /^(error|fail)$/i.test(status);
  const isRefusal = hasFailureStatus || successKeys.some((key) => isNegative(json[key]));
  return isRefusal ? 'its body reports a failure' : undefined;
}

/** Finds the form of an error in JSON, its `data`, and the items of lists. */
export function findErrorForm(json: unknown, id: string): string | undefined {
  if (Array.isArray(json)) return json.map((item) => findErrorForm(item, id)).find((form) => form !== undefined);
  if (!isJsonObject(json)) return undefined;
  const isEngagement = typeof json.status === 'string' && isSameId(json.id ?? json._id, id);
  return errorFormOf(json, isEngagement ? undefined : json.status) ?? findErrorForm(json.data, id);
}

/** The ids of the deleted record in an answer: at its top, in `data`, in Zoho's `details`, in Monday's `delete_…`. */
function idsNamed(json: unknown): readonly unknown[] {
  if (Array.isArray(json)) return json.flatMap(idsNamed);
  if (!isJsonObject(json)) return [];
  const inner = Object.entries(json).filter(([key]) => /^(data$|details$|delete_)/.test(key));
  return [json.id ?? json._id, ...inner.flatMap(([, value]) => idsNamed(value))].filter(isIdValue);
}

/** True for the answer to a list request. */
export function isPage(json: unknown): boolean {
  return isJsonObject(json) && Array.isArray(json.result) && Object.hasOwn(json, 'next_cursor');
}

/**
 * Monday answers every request with 200. A null or absent field with an error, unless the error names another field, is a refusal. A
 * field with a value and errors is a deleted record of which a part could not be read. Older answers have `error_code` instead of
 * `data`.
 */
function readMonday(json: Json, id: string): Evidence | undefined {
  const fields = isJsonObject(json.data) ? Object.entries(json.data) : [];
  const deletes = fields.filter(([key]) => key.startsWith('delete_'));
  const own = deletes.length > 0 ? deletes : fields;
  const filled = own.filter(([, value]) => isFilled(value));
  const names = new Set<unknown>(own.map(([name]) => name));
  const errors = Array.isArray(json.errors) ? json.errors.filter(isJsonObject) : [];
  if (filled.length === 0 && isFilled(json.error_code)) return refused;
  if (errors.length === 0) {
    return own.some(([, value]) => value === null) ? unknown("the provider's field is null") : undefined;
  }
  if (filled.length === 0) {
    const isNamed = errors.some(({ path }) => !Array.isArray(path) || names.size === 0 || names.has(path[0]));
    return isNamed ? refused : unknown('its body lists an error');
  }
  const isContradicted = errors.some(({ path }) => Array.isArray(path) && path.length === 1 && names.has(path[0]));
  if (isContradicted || filled.length < own.length) return unknown('its body has both a record and an error for it');
  const otherForm = findErrorForm({ ...json, errors: undefined }, id);
  if (otherForm) return unknown(otherForm);
  return success("The provider's answer has the deleted record, but also lists errors.");
}

const isRefusedWhereFalse = (key: string) => (json: Json) => (json[key] === false ? refused : undefined);

/** Reads the documented refusals of providers. Undefined: there is none, and the general forms are checked next. */
export const refusalForms: Readonly<Record<RefusalForm, (json: Json, id: string) => Evidence | undefined>> = {
  success: isRefusedWhereFalse('success'),
  // HighLevel documents both spellings.
  succeeded: (json) => isRefusedWhereFalse('succeeded')(json) ?? isRefusedWhereFalse('succeded')(json),
  Monday: readMonday,
  Zoho: (json) => {
    const items = Array.isArray(json.data) ? json.data : [json];
    const isError = (item: unknown) => isJsonObject(item) && item.status === 'error';
    return items.length > 0 && items.every(isError) ? refused : undefined;
  },
};

/** The provider's body: all of a RAW answer, or `remote_data` of a record. Undefined if the answer has none. */
export function providerBodyOf(body: ReadBody, input: DeleteEngagementInput): unknown {
  if (body.kind !== 'json') return body.kind === 'text' && !hasRecord(input) ? body.value : undefined;
  if (!hasRecord(input)) return body.value;
  return isJsonObject(body.value) ? body.value.remote_data : undefined;
}

function namesAnother(json: unknown, provider: unknown, input: DeleteEngagementInput): boolean {
  if (isPage(json)) return true;
  // If Truto names the record, the provider's ids do not matter.
  const isNamed = hasRecord(input) && isJsonObject(json) && isIdValue(json.id);
  const ids = isNamed ? [json.id] : [...idsNamed(json), ...(hasRecord(input) ? idsNamed(provider) : [])];
  return ids.length > 0 && !ids.some((id) => isSameId(id, input.id));
}

/** True for a plain value instead of JSON objects or lists. Only `true` proves success. */
const isPlainDoubt = (value: unknown): boolean => !isJsonObject(value) && !Array.isArray(value) && value !== true;

const streamedPage =
  'The body is an HTML page. A proxy or firewall may have sent it without forwarding the delete. Read the engagement to be sure.';

/** Decides what a 2xx answer to a delete proves. The first line that applies decides. */
export function readEvidence(
  { statusCode, headers }: UpstreamAnswer,
  body: ReadBody,
  { input, integration }: { readonly input: DeleteEngagementInput; readonly integration: Integration | null },
): Evidence {
  const hasPageType = isPageType(headers['content-type']);
  if (!successStatuses.has(statusCode)) return unknown('that status does not confirm the delete');
  // A stream is passed on unread: only its status and type are known.
  if (body.kind === 'streaming') return hasPageType ? success(streamedPage) : success();
  if (body.kind === 'unreadable') return unknown(`its body could not be read: ${body.why}`);
  if (hasPageType) return unknown('its body is an HTML page, which Truto never sends');
  if (body.kind === 'text') return unknown('its body is text, which Truto never sends');
  if (body.kind === 'empty') return success();
  if (isPlainDoubt(body.value)) return unknown('its body is not a JSON object');
  const provider = providerBodyOf(body, input);
  if (namesAnother(body.value, provider, input))
    return unknown('its body names another engagement, so it answers another request', true);
  const trutosForm = hasRecord(input) ? findErrorForm(body.value, input.id) : undefined;
  if (trutosForm) return unknown(trutosForm);
  if (provider === undefined || provider === null || provider === '') return success();
  const form = integration?.refusalForm;
  const documented = form && isJsonObject(provider) ? refusalForms[form](provider, input.id) : undefined;
  if (documented) return documented;
  if (isPlainDoubt(provider)) return unknown("the provider's body is not a JSON object");
  const errorForm = findErrorForm(provider, input.id);
  return errorForm ? unknown(errorForm) : success();
}
