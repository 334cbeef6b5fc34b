import { createServer } from 'node:http';
import { sample } from 'fast-check';
import { listen } from '../support/listen.ts';
import { jwtSecret, serviceEnv, signToken } from '../support/service.ts';
import { type CostServer, startCostServer } from './cost-server.ts';
import { type CrowdResult, meetCrowds } from './crowds.ts';
import { type HostileRequest, hostileRequest, ordinaryDelete, type Sender } from './requests.ts';

/** The most that a request may cost, as multiples of an ordinary delete: processor time, and time in the event loop. */
export const maxCpuRatio = 40;
export const maxLoopRatio = 50;

/**
 * How often a request that was too expensive is sent again, in a form that is new to the server. Garbage collection and
 * compilation add to the cost of any request, but hardly ever to the same one twice.
 */
const maxTries = 8;

const warmUpCount = 500;
const ordinaryCount = 200;
/** How many requests share one measurement of the ordinary delete, which gets cheaper while code is compiled. */
const batchSize = 500;
/** How many ordinary deletes are measured again after a request that was too expensive: the machine may have become slower. */
const besideCount = 20;

/** One kind of request, and its most expensive request. */
export interface KindCost {
  readonly kind: string;
  readonly count: number;
  readonly cpuRatio: number;
  readonly loopRatio: number;
}

/** The results of a run. */
export interface HostileResult {
  /** The most expensive kinds first. */
  readonly kinds: readonly KindCost[];
  /** A request, named by its kind, sender, size and server, for each that was beyond a limit at every try. */
  readonly tooDear: readonly string[];
  /** What an ordinary delete costs, in milliseconds of processor time: the last measurement. */
  readonly ordinaryCpuMs: number;
  readonly maxHeapBytes: number;
  readonly maxAnswerBytes: number;
  readonly longestLogLine: number;
}

const record = JSON.stringify({ id: '7', engagement_type: 'call', subject: 'A call', contacts: [{ id: '1' }] });

/** The smallest upstream: it takes one token, has one account, and answers everything else at once. */
function startUpstream(token: string) {
  const server = createServer(({ headers, method = '', url = '' }, response) => {
    const answer = (status: number, body: string) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    };
    if (headers.authorization !== `Bearer ${token}`)
      return answer(401, '{"statusCode":401,"error":"Unauthorized","message":"no"}');
    if (url.startsWith('/integrated-account/')) return answer(200, '{"id":"a","integration":{"name":"zendesksell"}}');
    if (method === 'DELETE') {
      const id = decodeURIComponent(url.split('?', 1)[0]?.split('/').at(-1) ?? '');
      return answer(200, JSON.stringify({ ...JSON.parse(record), id }));
    }
    return answer(200, `{"result":[${record}],"next_cursor":null}`);
  });
  server.keepAliveTimeout = 60_000;
  return listen(server);
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

interface Target {
  readonly name: string;
  readonly server: CostServer;
  readonly authorization: Readonly<Record<Sender, string | undefined>>;
}

async function measureOrdinary({ server, authorization }: Target, count: number) {
  const costs = [];
  for (let index = 0; index < count; index += 1) {
    const cost = await server.costOf(ordinaryDelete(authorization.caller ?? '', `o${process.hrtime.bigint()}`));
    if (!cost.answer.includes('"outcome":"DELETED"')) throw new Error(`no ordinary delete: ${cost.answer}`);
    costs.push(cost);
  }
  return { cpuMs: median(costs.map(({ cpuMs }) => cpuMs)), loopMs: median(costs.map(({ loopMs }) => loopMs)) };
}

const token = 'a-token-that-upstream-takes';

/** Lets crowds keep a server busy while an honest client deletes. */
export async function measureCrowds(): Promise<readonly CrowdResult[]> {
  await using upstream = await startUpstream(token);
  await using server = await startCostServer({
    TRUTO_BASE_URL: upstream.url,
    TRUTO_RATE_LIMITS: '0',
    EXPOSE_SCHEMA: '1',
  });
  return await meetCrowds(server, `Bearer ${token}`);
}

/**
 * Sends hostile requests, one by one, to a server in each mode of authentication, and compares what each costs with an
 * ordinary delete measured at the same time.
 * @param onBatch gets the number of requests sent so far.
 * @throws when a server ends, as it does beyond 256 MiB of heap.
 */
export async function measureCosts(
  count: number,
  seed: number,
  onBatch: (sent: number) => void = () => {},
): Promise<HostileResult> {
  await using upstream = await startUpstream(token);
  const env = { TRUTO_BASE_URL: upstream.url, TRUTO_RATE_LIMITS: '0', EXPOSE_SCHEMA: '1' };
  await using passthrough = await startCostServer(env);
  await using service = await startCostServer({
    ...env,
    ...serviceEnv,
    TRUTO_API_TOKEN: token,
    JWT_SECRET: jwtSecret,
  });
  const exp = Math.floor(Date.now() / 1_000) + 7_200;
  const jwt = await signToken({ integrated_accounts: ['*'], exp });
  const targets: readonly Target[] = [
    {
      name: 'passthrough',
      server: passthrough,
      authorization: { anonymous: undefined, stranger: 'Bearer an-unknown-token', caller: `Bearer ${token}` },
    },
    {
      name: 'service',
      server: service,
      authorization: { anonymous: undefined, stranger: `Bearer ${jwt.slice(0, -4)}AAAA`, caller: `Bearer ${jwt}` },
    },
  ];

  const kinds = new Map<string, KindCost>();
  const tooDear: string[] = [];
  let ordinaryCpuMs = 0;
  let maxHeapBytes = 0;
  let maxAnswerBytes = 0;
  let sent = 0;

  async function measure(request: HostileRequest, target: Target, sharedOrdinary: { cpuMs: number; loopMs: number }) {
    let cpuRatio = Number.POSITIVE_INFINITY;
    let loopRatio = Number.POSITIVE_INFINITY;
    let byteCount = 0;
    for (let tries = 0; tries < maxTries && (cpuRatio > maxCpuRatio || loopRatio > maxLoopRatio); tries += 1) {
      const bytes = request.bytes(target.authorization[request.sender], `${sent}.${tries}`);
      byteCount = bytes.length;
      const ordinary = tries === 0 ? sharedOrdinary : await measureOrdinary(target, besideCount);
      const cost = await target.server.costOf(bytes);
      cpuRatio = Math.min(cpuRatio, cost.cpuMs / ordinary.cpuMs);
      loopRatio = Math.min(loopRatio, cost.loopMs / ordinary.loopMs);
      maxHeapBytes = Math.max(maxHeapBytes, cost.heapBytes);
      maxAnswerBytes = Math.max(maxAnswerBytes, cost.answer.length);
    }
    const known = kinds.get(request.kind);
    kinds.set(request.kind, {
      kind: request.kind,
      count: (known?.count ?? 0) + 1,
      cpuRatio: Math.max(known?.cpuRatio ?? 0, cpuRatio),
      loopRatio: Math.max(known?.loopRatio ?? 0, loopRatio),
    });
    if (cpuRatio > maxCpuRatio || loopRatio > maxLoopRatio)
      tooDear.push(
        `${request.kind}, ${request.sender}, ${byteCount} bytes, ${target.name}: ${cpuRatio.toFixed(0)} times the processor, ${loopRatio.toFixed(0)} times the loop`,
      );
  }

  for (const target of targets) await measureOrdinary(target, warmUpCount);
  const requests = sample(hostileRequest, { numRuns: count, seed });
  for (let first = 0; first < requests.length; first += batchSize) {
    const batch = requests.slice(first, first + batchSize);
    for (const [index, target] of targets.entries()) {
      const ordinary = await measureOrdinary(target, ordinaryCount);
      ordinaryCpuMs = ordinary.cpuMs;
      for (const [at, request] of batch.entries()) {
        if (at % targets.length !== index) continue;
        await measure(request, target, ordinary);
        sent += 1;
      }
    }
    onBatch(sent);
  }
  return {
    kinds: [...kinds.values()].sort((a, b) => b.cpuRatio - a.cpuRatio),
    tooDear,
    ordinaryCpuMs,
    maxHeapBytes,
    maxAnswerBytes,
    longestLogLine: Math.max(...targets.map(({ server }) => server.longestLine())),
  };
}
