import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { idOf, indexOf } from './ids.ts';

/*
 * An upstream without limits for bulk deletes: lists as many engagements as COUNT says, in pages of 100, and deletes each after
 * DELAY_MS. Prints its address.
 */

const count = Number(process.env.COUNT);
const delayMs = Number(process.env.DELAY_MS);
const pageSize = 100;

function page(cursor: number): string {
  const length = Math.min(pageSize, count - cursor);
  const result = Array.from({ length }, (_, index) => ({ id: idOf(cursor + index), engagement_type: 'note' }));
  const next = cursor + length;
  return JSON.stringify({ result, next_cursor: next < count ? String(next) : null });
}

const deleted = new Set<number>();

/** One engagement, or Truto's word for that there is none. */
function engagement(id: string): readonly [status: number, body: string] {
  if (!deleted.has(indexOf(id))) return [200, JSON.stringify({ id })];
  return [404, '{"statusCode":404,"error":"Not Found","message":"Not found"}'];
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://upstream');
  const id = url.pathname.split('/')[4] ?? '';
  response.setHeader('content-type', 'application/json');
  if (url.pathname.startsWith('/integrated-account/')) {
    response.end('{"integration":{"name":"capsule"}}');
  } else if (request.method === 'GET' && id) {
    const [status, body] = engagement(id);
    response.writeHead(status).end(body);
  } else if (request.method === 'GET') {
    response.end(page(Number(url.searchParams.get('next_cursor') ?? 0)));
  } else {
    const [status, body] = engagement(id);
    deleted.add(indexOf(id));
    setTimeout(() => response.writeHead(status).end(body), delayMs);
  }
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`),
);
