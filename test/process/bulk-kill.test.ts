import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { sandboxAccount, sandboxToken } from '../../src/sandbox/accounts.ts';
import { findFault } from '../../src/sandbox/faults.ts';
import { createRandom } from '../../src/sandbox/random.ts';
import type { SandboxSettings } from '../../src/sandbox/request.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { createSoakFaults } from '../soak/faults.ts';
import { control, outcomesOf, type SeenBulkDelete, type Start, seen, started } from '../support/bulk.ts';
import { postTo } from '../support/fetch-graphql.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { startServerProcess } from '../support/server-process.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from '../support/service.ts';
import { readUndoLines } from '../support/undo-lines.ts';

const account = sandboxAccount('Capsule');
/**
 * What decides which faults strike, and who is killed when: the same in each run, so that one that fails can be run again. Another,
 * such as the date, by `BULK_KILL_SEED`.
 */
const seed = process.env.BULK_KILL_SEED ?? 'bulk-kill';
process.stdout.write(`BULK_KILL_SEED=${seed}\n`);

const gone = new Set(['DELETED', 'ACCEPTED', 'ALREADY_ABSENT']);

/** Two servers that work on one bulk delete, and what kills them. */
interface Killing {
  readonly count: number;
  readonly redis: RedisServer;
  readonly env?: Record<string, string>;
  readonly input?: Start;
  /** What strikes besides the faults of every kind. */
  readonly pickFault?: SandboxSettings['pickFault'];
}

async function startKilling({ count, redis, env = {}, input = {}, pickFault }: Killing) {
  const stack = new AsyncDisposableStack();
  const random = createRandom(seed);
  const faults = createSoakFaults(seed, 5);
  const sandbox = await startSandbox({
    ...{ engagementsPerAccount: count, latencyMs: 400, slowMs: 3_000, hugeBytes: 2 * 1024 * 1024 },
    pickFault: (request) => pickFault?.(request) ?? faults.pick(request),
  });
  stack.defer(() => sandbox.close());
  const common = {
    ...{ ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken, TRUTO_BASE_URL: sandbox.url },
    ...{ REDIS_URL: redis.url, TRUTO_RATE_LIMITS: '0', REQUEST_TIMEOUT_MS: '2000' },
  };
  const start = async (more: Record<string, string>) => stack.use(await startServerProcess({ ...common, ...more }));
  const servers = [await start(env), await start(env)];
  const exp = Math.floor(Date.now() / 1000) + 3_600;
  const caller = bearer(await signToken({ integrated_accounts: [account.id], exp }));
  const post = () => postTo(servers[0]?.endpoint ?? '', caller);
  const ids = seedEngagements(account, count).map(({ id }) => id);
  const { id } = await started(post(), { integratedAccountId: account.id, ids, ...input });

  /** The bulk delete now. A server that stood still may have to connect to Redis again before it can tell. */
  async function read(): Promise<SeenBulkDelete> {
    for (;;) {
      const job: Partial<SeenBulkDelete> = await seen(post(), id);
      if (job.outcomes) return job as SeenBulkDelete;
      await sleep(100);
    }
  }

  async function cancel(): Promise<void> {
    while (!(await read()).state.startsWith('CANCEL')) await control(post(), 'cancel', id);
  }

  /** Waits until so many have ended; false when the bulk delete has. An operator resumes it when something paused it. */
  async function waitUntil(isEnough: (done: number) => boolean): Promise<boolean> {
    for (;;) {
      const { state, total, outcomes } = await read();
      if (/^(COMPLETED|CANCELLED|FAILED)$/.test(state)) return false;
      if (isEnough(total - (outcomes.remaining ?? 0))) return true;
      if (state === 'PAUSED') await control(post(), 'resume', id);
      await sleep(100);
    }
  }

  async function killOne(): Promise<void> {
    const index = random.integer(0, 1);
    servers[index]?.signal('SIGKILL');
    await servers[index]?.exited;
    // The other one stands still until it is back: how fast a machine starts servers must not decide how many are killed. Its
    // requests are answered, or time out, meanwhile.
    servers[1 - index]?.signal('SIGSTOP');
    servers[index] = await start(env);
    servers[1 - index]?.signal('SIGCONT');
  }

  /** Kills servers so many times, each after some further engagements. Returns how often that was possible. */
  async function kill(times: number, mostBetween: number): Promise<number> {
    for (let killed = 0; killed < times; killed += 1) {
      let least: number | undefined;
      const isEnough = (done: number) => {
        least ??= done + random.integer(1, mostBetween);
        return done >= least;
      };
      if (!(await waitUntil(isEnough))) return killed;
      await killOne();
    }
    return times;
  }

  /** The end of the bulk delete, with each outcome compared with what the sandbox did. */
  async function end() {
    await waitUntil(() => false);
    const told = await outcomesOf(post(), id);
    expect(told.map((item) => item.id).sort()).toEqual([...ids].sort());
    const known = told.filter(({ outcome }) => outcome !== 'UNKNOWN');
    const lies = known.filter((item) => gone.has(item.outcome) !== sandbox.wasDeleted(account.id, item.id));
    expect({ seed, lies }).toEqual({ seed, lies: [] });
    const job = await read();
    const { remaining = 0, ...outcomes } = job.outcomes;
    expect(remaining + Object.values(outcomes).reduce((sum, number) => sum + number, 0)).toBe(count);
    return { ...job, told };
  }

  return { start, kill, killOne, waitUntil, cancel, end, stack };
}

it('a bulk delete whose servers are killed ten times has the outcome that each engagement has upstream', async () => {
  await using redis = await startRedis();
  const { stack, kill, end } = await startKilling({ count: 600, redis });
  await using _stack = stack;
  expect(await kill(10, 40)).toBe(10);
  const { state, outcomes, told } = await end();
  expect(state).toBe('COMPLETED');
  expect(outcomes.remaining).toBe(0);
  // Some were in flight when their server was killed, and upstream had done them.
  expect(outcomes.alreadyAbsent).toBeGreaterThan(0);
  expect(told.filter(({ outcome }) => outcome === 'UNKNOWN')).toEqual([]);
}, 300_000);

it('a bulk delete on a cluster has correct outcomes too, with records that cannot be stored and a server without an UNDO_STORE', async () => {
  await using redis = await startRedisCluster();
  const folder = mkdtempSync(join(tmpdir(), 'undo-'));
  const broken = new Set(seedEngagements(account, 20).map(({ id }) => id));
  const killing = await startKilling({
    ...{ count: 200, redis, env: { UNDO_STORE: folder }, input: { snapshot: true } },
    pickFault: ({ method, url }) =>
      method === 'GET' && broken.has(url.split('?')[0]?.split('/').at(-1) ?? '') ? findFault('fault-500') : undefined,
  });
  await using stack = killing.stack;
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  await killing.start({});
  expect(await killing.kill(4, 30)).toBe(4);
  const { state, told, undoFolder } = await killing.end();
  expect(state).toBe('COMPLETED');
  const kept = readUndoLines(join(folder, undoFolder ?? '')).lines.map(({ engagement }) => engagement.id);
  const deleted = told.filter(({ outcome }) => gone.has(outcome)).map(({ id }) => id);
  expect(deleted.filter((id) => !kept.includes(id))).toEqual([]);
  expect(deleted.length).toBeGreaterThan(100);
  expect(told.filter(({ id }) => broken.has(id)).map(({ outcome }) => outcome)).toEqual(
    Array.from(broken, () => 'FAILED'),
  );
}, 400_000);

it('so does one that is cancelled during an outage', async () => {
  await using redis = await startRedis();
  /** The outage begins with a delete. */
  let isDue = false;
  let isAway = false;
  let lost = 0;
  const killing = await startKilling({
    ...{ count: 400, redis },
    pickFault({ method, url }) {
      if (isDue && method === 'DELETE') isAway = true;
      if (!isAway || !url.startsWith('/unified/')) return undefined;
      // Some deletes are carried out, without a response.
      if (method === 'DELETE') lost += 1;
      return findFault(method === 'DELETE' && lost % 2 ? 'fault-reset-after' : 'fault-reset-before');
    },
  });
  await using _stack = killing.stack;
  expect(await killing.kill(1, 40)).toBe(1);
  isDue = true;
  expect(await killing.waitUntil(() => lost > 0)).toBe(true);
  await killing.cancel();
  await killing.killOne();
  await killing.killOne();
  isDue = false;
  isAway = false;
  const { state, told } = await killing.end();
  expect(state).toBe('CANCELLED');
  const outcomes = new Set(told.map(({ outcome }) => outcome));
  expect(outcomes).toContain('SKIPPED');
  for (const passing of ['WAITING', 'IN_PROGRESS']) expect(outcomes).not.toContain(passing);
}, 300_000);
