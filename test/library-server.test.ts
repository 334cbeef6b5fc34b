import { AsyncLocalStorage } from 'node:async_hooks';
import { rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Pool } from 'undici';
import { describe, expect, it } from 'vitest';
import { createEngagementServer } from '../src/library.ts';
import { closing } from './support/closing.ts';
import { createFolder } from './support/folder.ts';
import { freePort } from './support/free-port.ts';
import { isKept } from './support/is-kept.ts';
import { listen } from './support/listen.ts';
import { startRedis } from './support/redis-server.ts';

const quiet = { logTo: { write: () => {} } };

const take = (port: number) => listen(createServer(), port);

const health = async (url: string) => (await fetch(`${url}/health`)).status;

describe('a server of the library', () => {
  it('runs next to another in the same process, and ends separately', async () => {
    const [one, other] = [createEngagementServer({ PORT: 0 }, quiet), createEngagementServer({ PORT: 0 }, quiet)];
    const [url, otherUrl] = await Promise.all([one.listen(), other.listen()]);
    await one.close();
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    expect(await health(otherUrl)).toBe(200);
    await other.close();
  });

  it('closed before it listens, never does', async () => {
    const server = createEngagementServer({ PORT: 0 }, quiet);
    await server.close();
    await expect(server.listen()).rejects.toThrow('create another');
  });

  it('closed before its first request, refuses it as any that comes after', async () => {
    const server = createEngagementServer({ PORT: 0 }, quiet);
    await server.close();
    const refused = await server.fetch(new Request('http://host/'));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    await using host = await listen(createHttpServer(server.handle));
    expect((await fetch(host.url)).status).toBe(503);
  });

  it('closed while it starts, leaves nothing that listens', async () => {
    const server = createEngagementServer({ PORT: 0 }, quiet);
    const listening = server.listen();
    await server.close();
    await expect(fetch(`${await listening}/health`)).rejects.toThrow();
  });

  it('whose port is in use reports it, and can listen later', async () => {
    const port = await freePort();
    await using server = closing(createEngagementServer({ PORT: port }, quiet));
    {
      await using _taken = await take(port);
      await expect(server.listen()).rejects.toThrow('EADDRINUSE');
    }
    expect(await health(await server.listen())).toBe(200);
  });

  it('whose start failed closes what another call has opened since', async () => {
    const port = await freePort();
    const taken = await take(port);
    const server = createEngagementServer({ PORT: 0, SANDBOX: true, METRICS_PORT: port }, quiet);
    const opened = server.open().catch(() => {
      void taken[Symbol.asyncDispose]();
      return server.open();
    });
    await expect(server.listen()).rejects.toThrow('EADDRINUSE');
    await opened;
    const scrape = () => fetch(`http://127.0.0.1:${port}/metrics`);
    expect((await scrape()).status).toBe(200);
    await server.close();
    await expect(scrape()).rejects.toThrow();
  });

  it('that cannot write its undo store reports it, and can listen once it can write', async () => {
    using folder = createFolder();
    const inTheWay = join(folder.path, 'undo');
    await writeFile(inTheWay, '');
    const settings = { PORT: 0, SANDBOX: true, REDIS_URL: 'redis://127.0.0.1:1', UNDO_STORE: inTheWay };
    const server = createEngagementServer(settings, quiet);
    const refused = { name: 'ConfigError', problems: [expect.stringMatching(/^UNDO_STORE /)] };
    await expect(server.listen()).rejects.toMatchObject(refused);
    await rm(inTheWay);
    expect(await health(await server.listen())).toBe(200);
    await server.close();
  });

  it('whose port is in use takes no part in bulk deletes, and closes its connections to Redis', async () => {
    await using redis = await startRedis();
    const port = await freePort();
    await using _taken = await take(port);
    const server = createEngagementServer({ PORT: port, REDIS_URL: redis.url }, quiet);
    await expect(server.listen()).rejects.toThrow('EADDRINUSE');
    const watcher = new Redis(redis.url);
    const others = async () =>
      String(await watcher.client('LIST'))
        .trim()
        .split('\n').length - 1;
    await expect.poll(others).toBe(0);
    watcher.disconnect();
  });

  it("that starts with a host's first request starts outside of that request's context", async () => {
    const carried = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    // Ignored, with a warning at the start.
    const settings = { SANDBOX: true, TRUTO_API_TOKEN: 'unused' };
    await using server = closing(
      createEngagementServer(settings, { logTo: { write: () => void seen.push(carried.getStore()) } }),
    );
    await carried.run('first request', () => server.fetch(new Request('http://host/')));
    expect(seen).toEqual([undefined]);
  });

  it('keeps nothing of what a request of a host carries', async () => {
    const carried = new AsyncLocalStorage<object>();
    await using server = closing(createEngagementServer({ SANDBOX: true }, quiet));
    await server.open();
    async function ask(): Promise<WeakRef<object>> {
      const value = {};
      await carried.run(value, async () => void (await (await server.fetch(new Request('http://host/'))).text()));
      return new WeakRef(value);
    }
    const value = await ask();
    await expect.poll(() => isKept(value)).toBe(false);
  });

  it('does not start on a runtime whose undici cannot say whether a request was sent', async () => {
    Object.defineProperty(Pool.prototype, 'dispatch', { value: undefined, configurable: true });
    await using server = closing(createEngagementServer({ SANDBOX: true }, quiet));
    await expect(server.open()).rejects.toThrow(/on Node/);
    Reflect.deleteProperty(Pool.prototype, 'dispatch');
    await server.open();
  });
});
