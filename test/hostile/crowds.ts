import { connect, type Socket } from 'node:net';
import { sample } from 'fast-check';
import type { CostServer } from './cost-server.ts';
import { hostileRequest, ordinaryDelete } from './requests.ts';

/** Many connections at once, to keep all other clients out. */
interface Crowd {
  readonly name: string;
  readonly connectionCount: number;
  /** What each sends at once; `dribble` follows, a byte every half second. */
  readonly opening: Buffer;
  readonly dribble?: Buffer;
  /** False for clients that never read. */
  readonly reads: boolean;
}

/** How an honest client fared meanwhile. */
export interface CrowdResult {
  readonly name: string;
  readonly connectionCount: number;
  readonly deletesAnswered: number;
  readonly deletesFailed: number;
  /** Of the deletes that were answered. */
  readonly medianMs: number;
  readonly slowestMs: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
}

const dribbleMs = 500;
/** Longer than a server waits for a request: by then it must have let go of all of them. */
const crowdMs = 15_000;
const pauseMs = 100;

const head = (lines: readonly string[]) => `${lines.join('\r\n')}\r\n`;
const postHead = ['POST /graphql HTTP/1.1', 'host: test', 'content-type: application/json'];
const page = Buffer.from(head(['GET /graphql HTTP/1.1', 'host: test', 'accept: text/html', '']));
const introspection = JSON.stringify({ query: '{__schema{types{name description fields{name description}}}}' });
/** Ten on each connection, more than the system's buffers take. */
const largeAnswers = Buffer.from(
  `${head([...postHead, 'authorization: Bearer x', `content-length: ${introspection.length}`, ''])}${introspection}`.repeat(
    10,
  ),
);
/** As many as one packet has room for. */
const probesTogether = Buffer.from(head(['GET /health HTTP/1.1', 'host: test', '']).repeat(1_600));

const crowds: readonly Crowd[] = [
  {
    name: 'heads that dribble',
    connectionCount: 1_000,
    opening: Buffer.from('POST /graphql HTTP/1.1\r\nx: '),
    dribble: Buffer.from('y'),
    reads: true,
  },
  {
    name: 'bodies that dribble',
    connectionCount: 1_000,
    opening: Buffer.from(head([...postHead, 'content-length: 200000', ''])),
    dribble: Buffer.from(' '),
    reads: true,
  },
  {
    name: 'bodies that stop short of their end',
    connectionCount: 1_000,
    opening: Buffer.concat([
      Buffer.from(head([...postHead, 'content-length: 200001', ''])),
      Buffer.alloc(200_000, ' '),
    ]),
    reads: true,
  },
  { name: 'connections without a byte', connectionCount: 1_000, opening: Buffer.alloc(0), reads: true },
  { name: 'readers of the page that never read', connectionCount: 150, opening: page, reads: false },
  { name: 'readers of large answers that never read', connectionCount: 150, opening: largeAnswers, reads: false },
  { name: 'probes, 1,600 in a packet', connectionCount: 60, opening: probesTogether, reads: true },
];

function join({ opening, dribble, reads }: Crowd, port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  if (reads) socket.resume();
  if (opening.length > 0) socket.write(opening);
  const timer = dribble && setInterval(() => socket.writable && socket.write(dribble), dribbleMs);
  socket.once('close', () => clearInterval(timer));
  return socket;
}

/** Deletes one after another, as long as the crowd is there. */
async function deleteMeanwhile(server: CostServer, authorization: string, untilMs: number) {
  const answeredMs: number[] = [];
  let failed = 0;
  while (performance.now() < untilMs) {
    const startMs = performance.now();
    const answer = await server
      .exchange(ordinaryDelete(authorization, `c${process.hrtime.bigint()}`))
      .catch((error: Error) => error.message);
    if (answer.includes('"outcome":"DELETED"')) answeredMs.push(performance.now() - startMs);
    else failed += 1;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  const sorted = answeredMs.toSorted((a, b) => a - b);
  return {
    deletesAnswered: sorted.length,
    deletesFailed: failed,
    medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    slowestMs: sorted.at(-1) ?? 0,
  };
}

async function meet(
  server: CostServer,
  authorization: string,
  name: string,
  connectionCount: number,
  begin: () => () => void,
): Promise<CrowdResult> {
  const end = begin();
  const deletes = await deleteMeanwhile(server, authorization, performance.now() + crowdMs);
  const { heapBytes, rssBytes } = await server.spent();
  end();
  return { name, connectionCount, ...deletes, heapBytes, rssBytes };
}

/** 50 clients that send hostile requests as fast as they are answered. */
function flood(server: CostServer, authorization: string): () => void {
  let isOver = false;
  const requests = sample(hostileRequest, { numRuns: 2_000, seed: 1 });
  let sent = 0;
  async function send(): Promise<void> {
    while (!isOver) {
      const request = requests[sent % requests.length];
      sent += 1;
      const token = { anonymous: undefined, stranger: 'Bearer an-unknown-token', caller: authorization }[
        request?.sender ?? 'anonymous'
      ];
      await server.exchange(request?.bytes(token, `f${sent}`) ?? Buffer.alloc(0)).catch(() => {});
    }
  }
  for (let client = 0; client < 50; client += 1) void send();
  return () => {
    isOver = true;
  };
}

/** Starts one crowd after the other, while an honest client deletes. */
export async function meetCrowds(server: CostServer, authorization: string): Promise<readonly CrowdResult[]> {
  const results: CrowdResult[] = [];
  for (const crowd of crowds) {
    const { name, connectionCount } = crowd;
    results.push(
      await meet(server, authorization, name, connectionCount, () => {
        const sockets = Array.from({ length: connectionCount }, () => join(crowd, server.port));
        return () => {
          for (const socket of sockets) socket.destroy();
        };
      }),
    );
  }
  results.push(
    await meet(server, authorization, 'hostile requests of every kind', 50, () => flood(server, authorization)),
  );
  return results;
}
