import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createListener } from '../src/http/connections/listener.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { mutation } from './support/outcome.ts';
import { requestHead } from './support/raw-client.ts';
import { json } from './support/upstream.ts';

const clientCount = 20;

/** Clients that connect, send a request and report what they get. In their own thread, so that they run while this one blocks. */
const clients = `
  const { connect } = require('node:net');
  const { parentPort, workerData: { port, head, clientCount, askedCount } } = require('node:worker_threads');
  const ask = () => new Promise((resolve) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(head, () => {
      Atomics.add(askedCount, 0, 1);
      Atomics.notify(askedCount, 0);
    }));
    socket.on('data', (data) => { received += data; });
    socket.on('error', ({ code }) => { received = code; });
    socket.on('close', () => resolve(received.slice(0, 12)));
  });
  Promise.all(Array.from({ length: clientCount }, ask)).then((ends) => parentPort.postMessage(ends));
`;

it('R12 a draining listener refuses all clients that are connected by then, and resets none, even after a long block of the process', async () => {
  const listener = createListener((_request, response) => void response.end(), {
    quietTimeoutMs: 60_000,
    keepAliveTimeoutMs: 5_000,
  });
  const url = await listener.listen('127.0.0.1', 0);
  const askedCount = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { port: Number(new URL(url).port), head: requestHead('GET', '/'), clientCount, askedCount };
  const worker = new Worker(clients, { eval: true, workerData });
  const reported = once(worker, 'message');
  for (let asked = 0; asked < clientCount; asked = Atomics.load(askedCount, 0)) Atomics.wait(askedCount, 0, asked);
  await listener.drain();
  const [ends] = await reported;
  expect(ends).toEqual(Array.from({ length: clientCount }, () => 'HTTP/1.1 503'));
  await worker.terminate();
});

/**
 * Eight clients send a request and disconnect, a ninth stays. In their own thread, so that they run while this one blocks.
 * The requests in `before` are answered before this one blocks.
 */
const hastyClients = `
  const { once } = require('node:events');
  const { connect } = require('node:net');
  const { parentPort, workerData: { port, before, rest, whole, leave, leftCount } } = require('node:worker_threads');
  const open = async () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  const send = (socket, text) => new Promise((resolve) => socket.write(text, resolve));
  (async () => {
    const early = [];
    for (let count = 0; before !== '' && count < 8; count += 1) {
      const socket = await open();
      await send(socket, before);
      await once(socket, 'data');
      early.push(socket);
    }
    parentPort.postMessage('ready');
    await once(parentPort, 'message');
    for (let count = 0; count < 8; count += 1) {
      const socket = early[count] ?? (await open());
      await send(socket, rest);
      socket[leave]();
      // Once the socket is closed, the system has sent the request. A socket that only ends its side stays open.
      if (leave !== 'end') await once(socket, 'close');
      else await once(socket, 'finish');
    }
    const last = await open();
    await send(last, whole);
    last.resume();
    Atomics.store(leftCount, 0, 1);
    Atomics.notify(leftCount, 0);
  })();
`;

describe('R11 a request whose client left before it was read', () => {
  const leaves = [
    ['closes its connection (FIN)', 'destroy'],
    ['resets its connection (RST)', 'resetAndDestroy'],
    ['ends its side of the connection', 'end'],
  ] as const;
  const sent = JSON.stringify({ query: mutation });
  const headers = ['content-type: application/json', `content-length: ${sent.length}`];
  const whole = requestHead('POST', '/graphql', headers) + sent;
  const head = requestHead('POST', '/graphql', [...headers, 'expect: 100-continue']);
  const connections = [
    ['on a new connection', { before: '', rest: whole }],
    ['on a kept connection', { before: whole, rest: whole }],
    ['after its headers were read', { before: head, rest: sent }],
  ] as const;
  const cases = leaves.flatMap(([what, leave]) =>
    connections.map(([when, texts]) => [what, when, leave, texts] as const),
  );

  it.each(cases)('%s, %s, is not begun, however long the process was busy', async (_what, _when, leave, texts) => {
    await using facade = await startFacadeOver(json(204, undefined), {}, 'capsule');
    // The facade now knows the account's integration and the operation, so it would send a delete without waiting.
    for (let round = 0; round < 2; round += 1) await facade.post(mutation);
    const leftCount = new Int32Array(new SharedArrayBuffer(4));
    const workerData = { port: Number(new URL(facade.url).port), ...texts, whole, leave, leftCount };
    const worker = new Worker(hastyClients, { eval: true, workerData });
    await once(worker, 'message');
    const countBefore = facade.upstream.deletes().length;
    worker.postMessage('go');
    Atomics.wait(leftCount, 0, 0);
    await expect.poll(() => facade.upstream.deletes().length).toBeGreaterThan(countBefore);
    await facade[Symbol.asyncDispose]();
    expect(facade.upstream.deletes()).toHaveLength(countBefore + 1);
    await worker.terminate();
  });
});
