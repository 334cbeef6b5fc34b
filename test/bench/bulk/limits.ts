import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sandboxAccount, sandboxToken } from '../../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../../src/sandbox/seed.ts';
import { startSandbox } from '../../../src/sandbox/server.ts';
import { seen, started } from '../../support/bulk.ts';
import { postTo } from '../../support/fetch-graphql.ts';
import { startRedis } from '../../support/redis-server.ts';
import { readUndoLines } from '../../support/undo-lines.ts';
import { startServer } from './processes.ts';

const account = sandboxAccount('Capsule');

/** When the first estimate of the time left is read, in seconds after the start. */
const estimatedAtSeconds = 20;

/** One bulk delete within Truto's limits. */
interface LimitedFigures {
  readonly seconds: number;
  readonly requestsPerRecord: number;
  readonly notesPerRecord: number;
  /** The whole time that the server's estimate after 20 s promised, against the time that it took. */
  readonly estimate: number;
  readonly undoFiles: number;
}

/** Deletes so many engagements of the sandbox, which refuses requests beyond Truto's limits, with one server that keeps to them. */
async function runWithinLimits(count: number, snapshot: boolean): Promise<LimitedFigures> {
  await using stack = new AsyncDisposableStack();
  let requests = 0;
  const pickFault = () => {
    requests += 1;
    return undefined;
  };
  const sandbox = await startSandbox({ engagementsPerAccount: count, keepsLimits: true, latencyMs: 200, pickFault });
  stack.defer(() => sandbox.close());
  const redis = stack.use(await startRedis());
  const folder = mkdtempSync(join(tmpdir(), 'bench-undo-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const env = {
    REDIS_URL: redis.url,
    BULK_TOKEN_SECRET: 'a secret that seals, for the bench alone',
    UNDO_STORE: folder,
  };
  const server = stack.use(await startServer(sandbox.url, { ...env, TRUTO_RATE_LIMITS: '1' }));
  const post = postTo(server.url, { authorization: `Bearer ${sandboxToken}` });
  const engagements = seedEngagements(account, count);
  const ids = engagements.map(({ id }) => id);
  const begunAtMs = performance.now();
  const secondsSoFar = () => (performance.now() - begunAtMs) / 1_000;
  const { id } = await started(post, { integratedAccountId: account.id, ids, snapshot });
  let estimatedSeconds = Number.NaN;
  for (;;) {
    const { state, outcomes } = await seen(post, id);
    if (Number.isNaN(estimatedSeconds) && secondsSoFar() >= estimatedAtSeconds) {
      const { body } = await post('query($id: ID!) { bulkDelete(id: $id) { secondsLeft } }', { id });
      estimatedSeconds = secondsSoFar() + (body.data.bulkDelete.secondsLeft ?? Number.POSITIVE_INFINITY);
    }
    if (state === 'COMPLETED' && outcomes.deleted === count) break;
    if (state !== 'DELETING') throw new Error(`the bulk delete is ${state}: ${JSON.stringify(outcomes)}`);
    await sleep(100);
  }
  const seconds = secondsSoFar();
  const { files, lines } = snapshot ? readUndoLines(join(folder, id)) : { files: [], lines: [] };
  if (snapshot && lines.length !== count) throw new Error(`${lines.length} of ${count} records are stored`);
  return {
    seconds,
    requestsPerRecord: requests / count,
    notesPerRecord: engagements.reduce((sum, { notes }) => sum + (notes?.length ?? 0), 0) / count,
    estimate: estimatedSeconds / seconds,
    undoFiles: files.length,
  };
}

/** The heading of the section that {@link measureLimited} writes. */
export const limitedHeading = "## Within Truto's limits";

/** Measures bulk deletes of so many engagements within Truto's limits, without and with snapshots. Returns the section about them. */
export async function measureLimited(count: number): Promise<string> {
  const rows: string[] = [];
  let notes = '';
  for (const snapshot of [false, true]) {
    const run = await runWithinLimits(count, snapshot);
    const rate = (count / run.seconds).toFixed(2);
    process.stdout.write(`within limits, ${snapshot ? 'with' : 'without'} snapshot: ${rate} engagements a second\n`);
    const figures = [run.seconds.toFixed(0), rate, run.requestsPerRecord.toFixed(2), run.estimate.toFixed(2)];
    rows.push(`| ${[snapshot ? 'yes' : 'no', ...figures, snapshot ? run.undoFiles : 'none'].join(' | ')} |`);
    notes = run.notesPerRecord.toFixed(1);
  }
  return `${limitedHeading}

Measured on ${new Date().toISOString().slice(0, 10)}: ${count} engagements of the sandbox, which refuses requests beyond Truto's limits and takes 200 ms
for each request. One server keeps to the limits (\`TRUTO_RATE_LIMITS=1\`), and gives background requests 40 in 10 s. A delete takes one
request. With a snapshot, it takes two, and one more for each note: an engagement has ${notes} notes here. *Estimate* is the whole time that
\`secondsLeft\` predicts after ${estimatedAtSeconds} s, divided by the time that it takes.

| snapshot | seconds | engagements a second | requests for each | estimate | undo files |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
