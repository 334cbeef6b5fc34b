import { expect, vi } from 'vitest';
import type { TestFacade } from './facade.ts';
import { removal, sendKeyed } from './keyed-delete.ts';
import type { RedisProcess } from './redis-server.ts';
import { json, startUpstream } from './upstream.ts';

/* The common parts of tests of a facade over a Redis: its settings, a user of that Redis, and the facade's log lines about it. */

/** How long the facade may take to follow a demotion, a failover or a repair. */
export const backWithinMs = 10_000;

/** The password of the user that is not the administrator. */
export const password = 'canary-of-redis';
/** How all keys begin. */
export const prefix = '{engagements}';
/** Exactly the permissions that docs/operating.md lists for the user. */
export const aclRules = [`~${prefix}:*`, '-@all', '+@read', '+@write', '+eval', '+evalsha', '+time', '-@dangerous'];
/** The settings of a facade over that Redis. */
export const env = (url: string) => ({ REDIS_URL: url, REQUEST_TIMEOUT_MS: '6000', TRUTO_RATE_LIMITS: '0' });

/** The address as the user that is not the administrator. */
export const asApp = ({ url }: { readonly url: string }) => url.replace('://', `://app:${password}@`);

/** Gives the user that is not the administrator these rules, and no others. */
export const setUser = (redis: RedisProcess, ...rules: readonly string[]) =>
  redis.tell('ACL', 'SETUSER', 'app', 'reset', 'on', `>${password}`, ...rules);

/** An upstream that answers every delete with 204. */
export const startDone = () => startUpstream(json(204, undefined), 'capsule');

/** A line of the log. */
export interface Line {
  readonly level: number;
  readonly msg: string;
  readonly kind?: string;
}

/** What was logged. */
export const linesOf = (logged: string): readonly Line[] =>
  logged
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
/** The warnings and errors of its log. */
export const faultsOf = (facade: TestFacade) => linesOf(facade.logged()).filter(({ level }) => level >= 40);
/** The lines that say it is connected to Redis. */
export const connectionsOf = (facade: TestFacade) =>
  linesOf(facade.logged()).filter(({ msg }) => msg.startsWith('connected to Redis'));

/** What it tells Prometheus of Redis. */
export async function redisUp({ url }: TestFacade): Promise<string | undefined> {
  return /^engagements_redis_up (\d)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1];
}
/** Waits without `expect.poll`, which concurrent tests do not have. */
export const isUp = (facade: TestFacade, up = '1') =>
  vi.waitFor(async () => expect(await redisUp(facade)).toBe(up), { timeout: backWithinMs });

let deletes = 0;
/** Deletes with and without a key, at once, and expects each to be done; and that it is healthy. */
export async function deleteSome(facade: TestFacade): Promise<void> {
  const outcome = { outcome: 'DELETED' };
  const sent = Array.from({ length: 10 }, async () => {
    deletes += 1;
    const [id, key] = [`e${deletes}`, `k${deletes}`];
    const { body } = await facade.post(`mutation { ${removal(id)} }`);
    expect(body.data.deleteEngagement).toMatchObject(outcome);
    expect(await sendKeyed(facade, key, `keyed-${id}`)).toMatchObject(outcome);
  });
  await Promise.all(sent);
  expect((await fetch(`${facade.url}/health`)).status).toBe(200);
}
