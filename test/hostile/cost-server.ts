import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The heap limit of a server, in MiB. A request that needs more ends it. */
const maxHeapMiB = 256;

/** How long an answer may take until the run is given up. Every request ends long before that. */
const hangMs = 30_000;

/** The cost of a request to a server. */
export interface Cost {
  /** Processor time of all its threads. */
  readonly cpuMs: number;
  /** How long the event loop was busy: an upper bound for how long it was blocked. */
  readonly loopMs: number;
  /** Memory in use afterwards. */
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** A server in its own process, which reports the cost of each request. */
export interface CostServer extends AsyncDisposable {
  /** Sends the bytes over a new connection, and waits for the end of the answer. */
  costOf(bytes: Buffer): Promise<Cost & { readonly answer: string }>;
  /** Sends the bytes over a new connection, and returns the answer. */
  exchange(bytes: Buffer): Promise<string>;
  /** The cost since its start. */
  spent(): Promise<Cost>;
  readonly port: number;
  /** The longest line that it has logged, in characters. */
  longestLine(): number;
}

/** Sends the bytes, and returns all that the server sends until it closes the connection, or until `hangMs`. */
async function exchange(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  // A server that refuses may close while the rest of a request is still being sent.
  socket.on('error', () => {});
  socket.write(bytes);
  const timer = setTimeout(() => socket.destroy(), hangMs);
  await new Promise((resolve) => socket.once('close', resolve));
  clearTimeout(timer);
  return Buffer.concat(chunks).toString('latin1');
}

/**
 * Starts `src/main.ts` on any free port with only the given environment.
 * @throws with its standard error when it ends, at the start or under a request.
 */
export async function startCostServer(env: Readonly<Record<string, string>>): Promise<CostServer> {
  const args = [`--max-old-space-size=${maxHeapMiB}`, '--import', './test/hostile/report-cost.ts', 'src/main.ts'];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: process.env.PATH, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let complaints = '';
  child.stderr?.on('data', (chunk) => {
    complaints += chunk;
  });
  let longestLine = 0;
  const listening = Promise.withResolvers<number>();
  createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on('line', (line) => {
    longestLine = Math.max(longestLine, line.length);
    if (line.endsWith('"msg":"listening"}')) listening.resolve(Number(new URL(JSON.parse(line).url).port));
  });
  const closed = once(child, 'close');
  const ended = closed.then(([code, signal]) => {
    throw new Error(`the server ended (${code ?? signal}):\n${complaints}`);
  });
  ended.catch(listening.reject);
  const port = await listening.promise;

  async function spent(): Promise<Cost> {
    const reply = once(child, 'message');
    child.send('cost', () => {});
    const [cost] = await Promise.race([reply, ended]);
    return cost as Cost;
  }

  return {
    async costOf(bytes) {
      const before = await spent();
      const answer = await Promise.race([exchange(port, bytes), ended]);
      const after = await spent();
      return {
        cpuMs: after.cpuMs - before.cpuMs,
        loopMs: after.loopMs - before.loopMs,
        heapBytes: after.heapBytes,
        rssBytes: after.rssBytes,
        answer,
      };
    },
    exchange: (bytes) => Promise.race([exchange(port, bytes), ended]),
    spent,
    port,
    longestLine: () => longestLine,
    async [Symbol.asyncDispose]() {
      ended.catch(() => {});
      child.kill('SIGKILL');
      await closed;
    },
  };
}
