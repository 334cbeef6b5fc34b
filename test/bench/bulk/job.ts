import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { fetchGraphQL } from '../../support/fetch-graphql.ts';
import { startRedis } from '../../support/redis-server.ts';
import { startServer, startUpstream } from './processes.ts';

const megabyte = 1024 ** 2;

/** One bulk delete to measure. */
export interface JobPlan {
  readonly workers: number;
  readonly count: number;
  /** How long upstream takes for a delete. */
  readonly delayMs: number;
}

/** How it went. */
export interface JobFigures {
  readonly listedPerSecond: number;
  readonly deletedPerSecond: number;
  /** Memory of the workers, the largest of them, in MB: when a tenth was deleted, then at each further tenth. */
  readonly workerMegabytes: readonly { readonly resident: number; readonly live: number }[];
  /** Memory of Redis at the end, in MB. */
  readonly redisMegabytes: number;
}

function residentMegabytes({ pid }: ChildProcess): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

/** Runs one bulk delete by a filter, with so many servers at it, from its start to its end. */
export async function runJob({ workers, count, delayMs }: JobPlan): Promise<JobFigures> {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await startRedis());
  const upstream = stack.use(await startUpstream({ COUNT: String(count), DELAY_MS: String(delayMs) }));
  const env = {
    REDIS_URL: redis.url,
    BULK_TOKEN_SECRET: 'a secret that seals, for the bench alone',
  };
  const servers = [];
  for (let index = 0; index < workers; index += 1) servers.push(stack.use(await startServer(upstream.url, env)));
  const query = `mutation { startBulkDelete(input: { integratedAccountId: "a", filter: { status: "open" } }) { id } }`;
  const begunAtMs = performance.now();
  const response = await fetchGraphQL(servers[0]?.url ?? '', query, { headers: { authorization: 'Bearer token' } });
  const { id } = (await response.json()).data.startBulkDelete;
  const direct = new Redis(redis.url);
  stack.defer(() => direct.disconnect());

  let listedAtMs = 0;
  const workerMegabytes: { readonly resident: number; readonly live: number }[] = [];
  for (;;) {
    const [phase, done, total] = await direct.hmget(`{engagements}:bulk:${id}`, 'phase', 'done', 'total');
    if (phase !== 'LISTING' && listedAtMs === 0) listedAtMs = performance.now();
    if (listedAtMs > 0 && Number(done) / Number(total) >= (workerMegabytes.length + 1) / 10)
      workerMegabytes.push({
        resident: Math.max(...servers.map(({ child }) => residentMegabytes(child))),
        live: Math.max(...servers.map(({ liveMegabytes }) => liveMegabytes())),
      });
    if (phase === 'COMPLETED') break;
    if (phase === 'FAILED') throw new Error('the bulk delete failed');
    await sleep(10);
  }
  const endedAtMs = performance.now();
  const outcomes = await direct.hmget(`{engagements}:bulk:${id}`, 'outcome:DELETED', 'outcome:ALREADY_ABSENT');
  const deleted = outcomes.reduce((sum, number) => sum + Number(number), 0);
  if (deleted !== count) throw new Error(`${deleted} of ${count} were deleted`);
  const [, usedBytes = '0'] = /used_memory:(\d+)/.exec(await direct.info('memory')) ?? [];
  return {
    listedPerSecond: count / ((listedAtMs - begunAtMs) / 1_000),
    deletedPerSecond: count / ((endedAtMs - listedAtMs) / 1_000),
    workerMegabytes,
    redisMegabytes: Math.round(Number(usedBytes) / megabyte),
  };
}
