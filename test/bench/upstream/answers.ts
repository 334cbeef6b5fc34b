import { engagementOf, pageOfEngagements, slowUsers, users } from './records.ts';

/** Upstream's answer to a request, and its delay. */
export interface Answer {
  /** The whole response, head and body. Undefined: the connection is reset. */
  readonly bytes: Buffer | undefined;
  readonly delayMs: number;
  /** Sent instead when the request says `truto_exclude_fields`. */
  readonly lean?: Buffer;
}

/** The engagements that targets are asked to delete; the id says how upstream answers. */
export const ids = {
  /** At once, with the whole record, also if the request excludes fields. */
  whole: '6e66c87e5cd13c3c79a3ae09',
  /** At once, without the excluded fields, as documented. */
  lean: '6e66c87e5cd13c3c79a3ae1e',
  /** After {@link slowMs}. */
  slow: '6e66c87e5cd13c3c79a3ae20',
} as const;

/** How long upstream takes for {@link ids.slow}: about what a near API takes. */
export const slowMs = 20;

/** A list of deletes, each answered after {@link slowMs} by the id alone. */
export const listedIds: readonly string[] = Array.from(
  { length: 100 },
  (_, index) => `6e66c87e5cd13c3c79a4${String(index).padStart(4, '0')}`,
);

const statusTexts: Readonly<Record<number, string>> = { 200: 'OK' };

function response(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const head = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`HTTP/1.1 ${status} ${statusTexts[status] ?? 'Refused'}\r\n${lines.join('')}\r\n${body}`);
}

const atOnce = (bytes: Buffer | undefined): Answer => ({ bytes, delayMs: 0 });
const json = (value: unknown) => response(200, JSON.stringify(value));

/** A refusal in Truto's form. */
const refusal = (status: number, rest: object = {}, headers: Readonly<Record<string, string>> = {}) =>
  atOnce(
    response(status, JSON.stringify({ statusCode: status, error: 'Refused', message: 'See docs', ...rest }), headers),
  );

const remote = { truto_is_remote_error: true, raw_response: { why: 'the provider says no' } };

/** How upstream refuses or fails to delete the engagements that are named so. */
export const refusals = {
  'missing-parameter': refusal(400, {
    truto_error_insight: { missing_required_query_parameters: ['engagement_type'] },
  }),
  'needs-reauth': refusal(401, remote),
  'missing-scope': refusal(403, {
    truto_error_insight: { forbidden_error: { missing_scopes: ['engagements:delete'] } },
  }),
  'not-found': refusal(404),
  'remote-refusal': refusal(409, remote),
  'too-many': refusal(429),
  'too-many-for-a-minute': refusal(429, {}, { 'retry-after': '60' }),
  blocked: refusal(503),
  'bad-gateway': atOnce(response(502, '<html>bad gateway</html>', { 'content-type': 'text/html' })),
  reset: atOnce(undefined),
} as const;

/** An engagement's name under which upstream refuses to delete it. */
export type RefusalName = keyof typeof refusals;

const { id, subject, status } = engagementOf(ids.lean);

/** What deletes get, by the engagement's id. */
export const deleteAnswers: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  [ids.whole, atOnce(json(engagementOf(ids.whole)))],
  [ids.lean, { ...atOnce(json(engagementOf(ids.lean))), lean: json({ id, subject, status }) }],
  [ids.slow, { bytes: json(engagementOf(ids.slow)), delayMs: slowMs }],
  ...listedIds.map((listed) => [listed, { bytes: json({ id: listed }), delayMs: slowMs }] as const),
  ...Object.entries(refusals),
]);

/** What reads of users get, by the user's id. */
export const userAnswers: ReadonlyMap<string, Answer> = new Map([
  ...users.map((user) => [user.id, atOnce(json(user))] as const),
  ...slowUsers.map((user) => [user.id, { bytes: json(user), delayMs: slowMs }] as const),
]);

/** What the list of engagements gets. */
export const pageAnswer = atOnce(json({ result: pageOfEngagements, next_cursor: null, limit: 50 }));

/** The answer to the look-up of any account. It has no id, which would have to be the requested one. */
export const accountAnswer = atOnce(json({ integration: { name: 'pipedrive', label: 'Pipedrive' } }));

/** The answer to every other request. There should be none. */
export const unknownAnswer = refusal(418);
