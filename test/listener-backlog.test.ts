import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { createListener } from '../src/http/listener.ts';
import { requestHead } from './support/raw-client.ts';

const clientCount = 20;

/** In a thread of its own, so that it goes on while this one stands still: clients that connect, ask, and tell what they got. */
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

it('R12 a listener that drains refuses all who have connected by then, however long the process was busy, and resets nobody', async () => {
  const listener = createListener((_request, response) => void response.end(), 60_000);
  const url = await listener.listen('127.0.0.1', 0);
  const askedCount = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { port: Number(new URL(url).port), head: requestHead('GET', '/'), clientCount, askedCount };
  const worker = new Worker(clients, { eval: true, workerData });
  const told = once(worker, 'message');
  for (let asked = 0; asked < clientCount; asked = Atomics.load(askedCount, 0)) Atomics.wait(askedCount, 0, asked);
  await listener.drain();
  const [ends] = await told;
  expect(ends).toEqual(Array.from({ length: clientCount }, () => 'HTTP/1.1 503'));
  await worker.terminate();
});
