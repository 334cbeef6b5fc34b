import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createListener } from '../src/http/listener.ts';

async function answerOf(url: string, agent: Agent): Promise<IncomingMessage> {
  const [response] = await once(get(url, { agent }), 'response');
  (response as IncomingMessage).resume();
  return response as IncomingMessage;
}

describe('R12 a draining listener', () => {
  it('answers what is in flight, tells its client to go, and closes', async () => {
    const arrived = Promise.withResolvers<ServerResponse>();
    const listener = createListener((_request, response) => arrived.resolve(response), 60_000);
    const agent = new Agent({ keepAlive: true });
    const pending = answerOf(await listener.listen('127.0.0.1', 0), agent);
    const response = await arrived.promise;
    const drained = listener.drain();
    response.end('done');
    expect((await pending).headers.connection).toBe('close');
    await drained;
    agent.destroy();
  });

  it('takes nothing new on a connection that is still open', async () => {
    const arrived: ServerResponse[] = [];
    const listener = createListener((_request, response) => void arrived.push(response), 60_000);
    const url = await listener.listen('127.0.0.1', 0);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = answerOf(url, agent);
    const second = answerOf(url, agent);
    await expect.poll(() => arrived.length).toBe(1);
    // Its headers are out already, so this connection will be used once more.
    arrived[0]?.flushHeaders();
    await first;
    const drained = listener.drain();
    arrived[0]?.end();
    // Refused, or the connection is gone: in no case is it handled.
    expect(await second.then(({ statusCode }) => statusCode).catch(() => 'gone')).toSatisfy(
      (end) => end === 503 || end === 'gone',
    );
    expect(arrived).toHaveLength(1);
    await drained;
    agent.destroy();
  });
});
