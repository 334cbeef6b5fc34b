import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { sandboxAccount, sandboxToken } from '../../src/sandbox/accounts.ts';
import { createRandom } from '../../src/sandbox/random.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { createSoakFaults } from '../soak/faults.ts';
import { outcomesOf, postTo, seen, started } from '../support/bulk.ts';
import { startRedis } from '../support/redis-server.ts';
import { startServerProcess } from '../support/server-process.ts';
import { bearer, jwtSecret, serviceEnv, signToken } from '../support/service.ts';

const account = sandboxAccount('Capsule');
const count = 2_000;
const kills = 20;
const gone = new Set(['DELETED', 'ACCEPTED', 'ALREADY_ABSENT']);

/** Waits until Redis says something of the job that is enough, or the job has ended. */
async function waitUntil(redis: Redis, jobId: string, isEnough: (done: number) => boolean): Promise<boolean> {
  for (;;) {
    const [done, phase, isPaused] = await redis.hmget(`{engagements}:bulk:${jobId}`, 'done', 'phase', 'isPaused');
    if (phase !== 'DELETING') return false;
    if (isEnough(Number(done))) return true;
    // An operator does that, who has seen to what paused it.
    if (isPaused === '1') await redis.hset(`{engagements}:bulk:${jobId}`, 'isPaused', 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

it(`a bulk delete of ${count}, whose servers are killed ${kills} times, tells of each engagement what upstream has done`, async () => {
  const seed = String(Date.now());
  const random = createRandom(seed);
  await using redis = await startRedis();
  const faults = createSoakFaults(seed, 5);
  const sandbox = await startSandbox({
    ...{ engagementsPerAccount: count, latencyMs: 400, slowMs: 3_000, hugeBytes: 2 * 1024 * 1024 },
    pickFault: faults.pick,
  });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => sandbox.close());
  const env = {
    ...{ ...serviceEnv, JWT_SECRET: jwtSecret, TRUTO_API_TOKEN: sandboxToken, TRUTO_BASE_URL: sandbox.url },
    ...{ REDIS_URL: redis.url, TRUTO_RATE_LIMITS: '0', REQUEST_TIMEOUT_MS: '2000' },
  };
  const start = async () => stack.use(await startServerProcess(env));
  const servers = [await start(), await start()];
  const exp = Math.floor(Date.now() / 1000) + 3_600;
  const caller = bearer(await signToken({ integrated_accounts: [account.id], exp }));
  const post = () => postTo(servers[0]?.endpoint ?? '', caller);
  const ids = seedEngagements(account, count).map(({ id }) => id);
  const job = await started(post(), { integratedAccountId: account.id, ids });
  const direct = new Redis(redis.url);
  stack.defer(() => direct.disconnect());

  let killed = 0;
  let enough = 0;
  while (killed < kills) {
    enough += random.integer(1, 60);
    const least = enough;
    if (!(await waitUntil(direct, job.id, (done) => done >= least))) break;
    const index = random.integer(0, 1);
    const server = servers[index];
    server?.signal('SIGKILL');
    await server?.exited;
    killed += 1;
    // The other one stands still until it is back: how fast a machine starts servers must not decide how many are killed. What it
    // had sent is answered, or given up, while it does.
    servers[1 - index]?.signal('SIGSTOP');
    servers[index] = await start();
    servers[1 - index]?.signal('SIGCONT');
    enough = Math.max(enough, Number(await direct.hget(`{engagements}:bulk:${job.id}`, 'done')));
  }
  await waitUntil(direct, job.id, () => false);

  const end = await seen(post(), job.id);
  const told = await outcomesOf(post(), job.id);
  expect({ seed, killed, state: end.state, total: end.total }).toEqual({
    ...{ seed, killed: kills, state: 'COMPLETED', total: count },
  });
  expect(told.map(({ id }) => id).sort()).toEqual([...ids].sort());
  const { remaining, ...outcomes } = end.outcomes;
  expect([remaining, Object.values(outcomes).reduce((sum, number) => sum + number, 0)]).toEqual([0, count]);
  // Some were under way when their server was killed, and upstream had done them.
  expect(outcomes.alreadyAbsent).toBeGreaterThan(0);
  const lies = told.filter(({ id, outcome }) => gone.has(outcome) !== sandbox.wasDeleted(account.id, id));
  expect({ seed, lies }).toEqual({ seed, lies: [] });
  expect(told.filter(({ outcome }) => outcome === 'UNKNOWN')).toEqual([]);
}, 600_000);
