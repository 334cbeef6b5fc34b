import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Pool } from 'undici';

/**
 * The base of every comparison: a handwritten proxy for exactly these requests. Node's HTTP server, undici's Pool, JSON in,
 * fields picked, JSON out. No GraphQL, no limits, no errors, no log.
 */

const { UPSTREAM_URL = '', PORT = '' } = process.env;
const upstream = new Pool(UPSTREAM_URL, { connections: 128 });

interface Posted {
  readonly operationName: string;
  readonly variables: { readonly id: string; readonly account: string };
}

// biome-ignore lint/suspicious/noExplicitAny: this base does not check upstream's JSON.
type Json = any;

const forThree = [
  ...['owner', 'content', 'direction', 'engagement_type', 'internal_notes', 'notes', 'start_time', 'end_time'],
  ...['duration', 'project', 'account', 'contact', 'opportunity', 'lead', 'phone_numbers', 'custom_fields'],
  ...['created_at', 'updated_at'],
];
const excluded = forThree.map((name) => `&truto_exclude_fields[]=${name}`).join('');

async function ask(method: 'DELETE' | 'GET', path: string, authorization: string | undefined): Promise<Json> {
  const headers = { authorization, accept: 'application/json' };
  const { body } = await upstream.request({ method, path: `/unified/crm/${path}`, headers });
  return JSON.parse(await body.text());
}

function pickAll(record: Json) {
  return {
    id: record.id,
    subject: record.subject,
    status: record.status,
    content: record.content,
    direction: record.direction,
    internalNotes: record.internal_notes,
    duration: record.duration,
    startTime: record.start_time,
    endTime: record.end_time,
    customFields: record.custom_fields,
    createdAt: record.created_at,
    updatedAt: record.updated_at,
    remoteData: record.remote_data,
    owner: record.owner,
    project: record.project,
    account: record.account,
    contacts: record.contact,
    opportunities: record.opportunity,
    leads: record.lead,
    notes: record.notes,
    phoneNumbers: record.phone_numbers,
    rawEngagementType: record.engagement_type,
    engagementType: record.engagement_type.toUpperCase(),
  };
}

async function deleteEngagement({ operationName, variables }: Posted, authorization: string | undefined) {
  const { id, account } = variables;
  const isThree = operationName.startsWith('DeleteThree');
  const query = `integrated_account_id=${account}${isThree ? `&truto_ignore_remote_data=true${excluded}` : ''}`;
  const record = await ask('DELETE', `engagements/${id}?${query}`, authorization);
  const engagement = isThree ? { id: record.id, subject: record.subject, status: record.status } : pickAll(record);
  const success = { __typename: 'DeleteEngagementSuccess', deletedEngagementId: id, outcome: 'DELETED', engagement };
  return { data: { deleteEngagement: success } };
}

async function listEngagements({ variables: { account } }: Posted, authorization: string | undefined) {
  const page = await ask('GET', `engagements?integrated_account_id=${account}&limit=50`, authorization);
  const names = new Map<string, Promise<string>>();
  for (const { owner } of page.result) {
    if (names.has(owner.id)) continue;
    const user = ask('GET', `users/${owner.id}?integrated_account_id=${account}`, authorization);
    names.set(
      owner.id,
      user.then(({ name }) => name),
    );
  }
  const nodes = page.result.map(async ({ id, subject, status, owner }: Json) => {
    return { id, subject, status, owner: { id: owner.id, name: await names.get(owner.id) } };
  });
  return { data: { engagements: { nodes: await Promise.all(nodes) } } };
}

async function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
  const posted: Posted = JSON.parse(body.toString());
  const { authorization } = request.headers;
  const carryOut = posted.operationName === 'Page' ? listEngagements : deleteEngagement;
  const text = JSON.stringify(await carryOut(posted, authorization));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => answer(request, response, Buffer.concat(chunks)).catch(() => response.destroy()));
}).listen(Number(PORT), '127.0.0.1');
