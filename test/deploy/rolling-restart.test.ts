import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { sandboxToken } from '../../src/sandbox/accounts.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { engagementsNeeded, listTargets, type Target } from '../soak/targets.ts';
import { fetchGraphQL } from '../support/fetch-graphql.ts';
import { freePort } from '../support/free-port.ts';
import { type Passed, startNginx } from '../support/nginx-server.ts';
import { startServerProcess } from '../support/server-process.ts';

/** More engagements than can be deleted while two servers are restarted. */
const targetCount = 20_000;
const callerCount = 8;
/** So long that every restart finds deletes in flight. */
const latencyMs = 50;

interface Answered {
  readonly target: Target;
  readonly requestId: string;
  readonly status: number;
  readonly body: string;
}

const query = `mutation ($id: ID!, $account: ID!, $type: EngagementType) {
  deleteEngagement(id: $id, integratedAccountId: $account, engagementType: $type) {
    __typename
    ... on DeleteEngagementSuccess { outcome }
  }
}`;

const idOf = (url: string) => decodeURIComponent(new URL(url, 'http://upstream').pathname.split('/').at(-1) ?? '');

/** A refused request, and the replicas that drained when it began and when it ended. */
interface Refusal {
  readonly requestId: string;
  readonly leaving: readonly (string | undefined)[];
}

/**
 * Several callers delete one engagement after the other until it is stopped. After a refusal they wait for `Retry-After`: on
 * two cores that also start servers, a server may get too little processor time, and sheds.
 */
function startLoad(url: string, leaving: () => string | undefined) {
  const targets = listTargets(targetCount).values();
  const answered: Answered[] = [];
  const refusals: Refusal[] = [];
  let isStopped = false;

  async function remove(target: Target): Promise<Answered> {
    const leftBefore = leaving();
    const requestId = randomUUID();
    const response = await fetchGraphQL(`${url}/graphql`, query, {
      variables: target,
      headers: { authorization: `Bearer ${sandboxToken}`, 'x-request-id': requestId },
    });
    const body = await response.text();
    if (response.status !== 503) return { target, requestId, status: response.status, body };
    refusals.push({ requestId, leaving: [leftBefore, leaving()] });
    await sleep(Number(response.headers.get('retry-after')) * 1_000);
    return remove(target);
  }

  async function call(): Promise<void> {
    for (const target of targets) {
      if (isStopped) return;
      answered.push(await remove(target));
    }
    throw new Error('There were not enough engagements');
  }
  const callers = Promise.all(Array.from({ length: callerCount }, call));
  return {
    answered,
    refusals,
    async stop() {
      isStopped = true;
      await callers;
    },
  };
}

/** True if a replica that did not drain refused the request itself. Then it was busy, and the restart was not the cause. */
function wasBusy({ requestId, leaving }: Refusal, passed: readonly Passed[]): boolean {
  const { replicas = '', statuses = '' } = passed.find((line) => line.requestId === requestId) ?? {};
  const answers = statuses.split(/, | : /);
  return replicas.split(/, | : /).some((replica, index) => answers[index] === '503' && !leaving.includes(replica));
}

async function startReplica(port: number, upstreamUrl: string) {
  const env = { PORT: String(port), TRUTO_BASE_URL: upstreamUrl, AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0' };
  const server = await startServerProcess(env);
  return { server, deleteCount: () => server.output().split('"msg":"delete"').length - 1 };
}

it('two replicas behind nginx are restarted one after the other under load, and no delete fails, is done twice or lost', async () => {
  const deletesUpstream = new Map<string, number>();
  const sandbox = await startSandbox({
    latencyMs,
    engagementsPerAccount: engagementsNeeded(targetCount),
    pickFault({ method, url }) {
      if (method === 'DELETE') deletesUpstream.set(idOf(url), (deletesUpstream.get(idOf(url)) ?? 0) + 1);
      return undefined;
    },
  });
  const ports = [await freePort(), await freePort()] as const;
  const address = (port: number) => `127.0.0.1:${port}`;
  await using stack = new AsyncDisposableStack();
  stack.defer(() => sandbox.close());
  const replicas = [await startReplica(ports[0], sandbox.url), await startReplica(ports[1], sandbox.url)];
  for (const { server } of replicas) stack.use(server);
  const nginx = stack.use(await startNginx([address(ports[0]), address(ports[1])]));
  let leaving: string | undefined;
  const load = startLoad(nginx.url, () => leaving);
  const allTakeRequests = async () => {
    for (const { deleteCount } of replicas) {
      const before = deleteCount();
      await expect.poll(deleteCount).toBeGreaterThan(before + 5);
    }
  };

  for (const [index, port] of ports.entries()) {
    // As an operator does: restart the next one only when all of them take requests again.
    await allTakeRequests();
    leaving = address(port);
    replicas[index]?.server.signal('SIGTERM');
    expect(await replicas[index]?.server.exited).toBe(0);
    const replacement = await startReplica(port, sandbox.url);
    leaving = undefined;
    stack.use(replacement.server);
    replicas[index] = replacement;
  }
  await allTakeRequests();
  await load.stop();
  const { answered, refusals } = load;

  const succeeded = '{"data":{"deleteEngagement":{"__typename":"DeleteEngagementSuccess","outcome":"DELETED"}}}';
  // nginx writes its line after the whole answer is sent. The caller may have it before that.
  await expect.poll(() => nginx.passed().length).toBeGreaterThanOrEqual(answered.length + refusals.length);
  const passed = nginx.passed();
  const failed = answered.filter(({ status, body }) => status !== 200 || body !== succeeded);
  const lineOf = (requestId: string) => passed.find((line) => line.requestId === requestId);
  const lost = /^.*(?:reset by peer|prematurely closed|timed out).*$/gm;
  const complaints = () => nginx.complaints().match(lost)?.join('\n');
  expect(
    failed.map(({ body, requestId }) => [body, lineOf(requestId)]),
    complaints(),
  ).toEqual([]);
  expect(answered.filter(({ target }) => !sandbox.wasDeleted(target.account, target.id))).toEqual([]);
  // Upstream got each requested delete once, and nothing else.
  expect([...deletesUpstream].filter(([, count]) => count !== 1)).toEqual([]);
  expect([...deletesUpstream.keys()].sort()).toEqual(answered.map(({ target }) => target.id).sort());

  expect(refusals.filter((refusal) => !wasBusy(refusal, passed))).toEqual([]);
  // It was a restart under load: nginx sent some requests to the second replica.
  expect(passed.filter(({ replicas: tried }) => / /.test(tried)).length).toBeGreaterThan(0);
}, 120_000);
