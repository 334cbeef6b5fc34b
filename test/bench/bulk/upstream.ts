import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/*
 * An upstream without limits for bulk deletes: lists as many engagements as COUNT says, in pages of 100, and deletes each after
 * DELAY_MS. Prints its address.
 */

const count = Number(process.env.COUNT);
const delayMs = Number(process.env.DELAY_MS);
const pageSize = 100;

/** An id as long as Truto's. */
const idOf = (index: number) => `6e66c87e5cd13c3c${String(index).padStart(8, '0')}`;

function page(cursor: number): string {
  const length = Math.min(pageSize, count - cursor);
  const result = Array.from({ length }, (_, index) => ({ id: idOf(cursor + index), engagement_type: 'note' }));
  const next = cursor + length;
  return JSON.stringify({ result, next_cursor: next < count ? String(next) : null });
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://upstream');
  response.setHeader('content-type', 'application/json');
  if (url.pathname.startsWith('/integrated-account/')) {
    response.end('{"integration":{"name":"capsule"}}');
  } else if (request.method === 'GET') {
    response.end(page(Number(url.searchParams.get('next_cursor') ?? 0)));
  } else {
    setTimeout(() => response.end(`{"id":"${url.pathname.split('/').at(-1)}"}`), delayMs);
  }
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`),
);
