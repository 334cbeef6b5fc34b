import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';

/**
 * The fastest server that this stack allows: `node:http`, undici's `Pool.dispatch` with a handler of its own, `JSON.parse`,
 * and functions that write the answer's text straight from the record, as a prepared operation does. No GraphQL, no limits,
 * no errors, no log. The distance between this and the facade is what the facade's own code costs.
 */

const { UPSTREAM_URL = '', PORT = '' } = process.env;
const upstream = new Pool(UPSTREAM_URL, { connections: 128 });

// biome-ignore lint/suspicious/noExplicitAny: upstream's JSON, unchecked: this server does no work that it can avoid.
type Json = any;

/** One request to upstream. A failure closes the caller's connection: this server has no errors. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  readonly #receive: (body: string) => void;
  #body: Buffer | undefined;

  constructor(response: ServerResponse, receive: (body: string) => void) {
    this.#response = response;
    this.#receive = receive;
  }

  onRequestStart() {}

  onResponseStart() {}

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer) {
    this.#body = this.#body === undefined ? chunk : Buffer.concat([this.#body, chunk]);
  }

  onResponseEnd() {
    this.#receive(this.#body?.toString() ?? '');
  }

  onResponseError() {
    this.#response.destroy();
  }
}

function send(
  method: 'DELETE' | 'GET',
  path: string,
  authorization: string | undefined,
  response: ServerResponse,
  receive: (body: string) => void,
): void {
  const headers = { authorization, accept: 'application/json' };
  upstream.dispatch({ method, path: `/unified/crm/${path}`, headers }, new Exchange(response, receive));
}

function end(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

const needsEscape = /["\\\p{Cc}\p{Cs}]/u;

function writeText(value: string | null): string {
  if (value === null) return 'null';
  return needsEscape.test(value) ? JSON.stringify(value) : `"${value}"`;
}

function writeReference(reference: Json): string {
  return reference === null ? 'null' : `{"id":${writeText(reference.id)}}`;
}

function writeList(items: Json[] | null, write: (item: Json) => string): string {
  if (items === null) return 'null';
  let text = '';
  for (const item of items) text += text === '' ? write(item) : `,${write(item)}`;
  return `[${text}]`;
}

function writePhoneNumber({ id, number, type, extension }: Json): string {
  return `{"id":${writeText(id)},"number":${writeText(number)},"type":${writeText(type)},"extension":${writeText(extension)}}`;
}

function writeEngagement(record: Json): string {
  return `{"id":${writeText(record.id)},"subject":${writeText(record.subject)},"status":${writeText(record.status)}\
,"content":${writeText(record.content)},"direction":${writeText(record.direction)}\
,"internalNotes":${writeText(record.internal_notes)},"duration":${writeText(record.duration)}\
,"startTime":${writeText(record.start_time)},"endTime":${writeText(record.end_time)}\
,"customFields":${JSON.stringify(record.custom_fields)},"createdAt":${writeText(record.created_at)}\
,"updatedAt":${writeText(record.updated_at)},"remoteData":${JSON.stringify(record.remote_data)}\
,"owner":${writeReference(record.owner)},"project":${writeReference(record.project)}\
,"account":${writeReference(record.account)},"contacts":${writeList(record.contact, writeReference)}\
,"opportunities":${writeList(record.opportunity, writeReference)},"leads":${writeList(record.lead, writeReference)}\
,"notes":${writeList(record.notes, writeReference)},"phoneNumbers":${writeList(record.phone_numbers, writePhoneNumber)}\
,"rawEngagementType":${writeText(record.engagement_type)},"engagementType":"${record.engagement_type.toUpperCase()}"}`;
}

function deleteOne({ id, account }: Json, authorization: string | undefined, response: ServerResponse): void {
  send('DELETE', `engagements/${id}?integrated_account_id=${account}`, authorization, response, (body) =>
    end(
      response,
      `{"data":{"deleteEngagement":{"__typename":"DeleteEngagementSuccess","deletedEngagementId":${writeText(id)}\
,"outcome":"DELETED","engagement":${writeEngagement(JSON.parse(body))}}}}`,
    ),
  );
}

/** What upstream answers is received and not parsed: nothing of it is asked for. */
function deleteMany({ items, account }: Json, authorization: string | undefined, response: ServerResponse): void {
  let left = items.length;
  const receive = () => {
    left -= 1;
    if (left > 0) return;
    const results = writeList(
      items,
      ({ id }) => `{"__typename":"DeleteEngagementSuccess","deletedEngagementId":${writeText(id)}}`,
    );
    end(response, `{"data":{"deleteEngagements":{"results":${results}}}}`);
  };
  for (const { id } of items) {
    send('DELETE', `engagements/${id}?integrated_account_id=${account}`, authorization, response, receive);
  }
}

function listEngagements({ account }: Json, authorization: string | undefined, response: ServerResponse): void {
  send('GET', `engagements?integrated_account_id=${account}&limit=50`, authorization, response, (body) => {
    const { result } = JSON.parse(body);
    const names = new Map<string, string>(result.map(({ owner }: Json) => [owner.id, '']));
    let left = names.size;
    const writeNode = ({ id, subject, status, owner }: Json) =>
      `{"id":${writeText(id)},"subject":${writeText(subject)},"status":${writeText(status)}\
,"owner":{"id":${writeText(owner.id)},"name":${names.get(owner.id)}}}`;
    for (const id of names.keys()) {
      send('GET', `users/${id}?integrated_account_id=${account}`, authorization, response, (user) => {
        names.set(id, writeText(JSON.parse(user).name));
        left -= 1;
        if (left === 0) end(response, `{"data":{"engagements":{"nodes":${writeList(result, writeNode)}}}}`);
      });
    }
  });
}

function answer({ headers: { authorization } }: IncomingMessage, response: ServerResponse, body: string): void {
  const { operationName, variables } = JSON.parse(body);
  if (operationName === 'Page') listEngagements(variables, authorization, response);
  else if (operationName === 'DeleteMany') deleteMany(variables, authorization, response);
  else deleteOne(variables, authorization, response);
}

createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => answer(request, response, body));
}).listen(Number(PORT), '127.0.0.1');
