import { Pool } from 'undici';
import type { Load, LoadFigures, LoadGenerator } from './load.ts';

/** More would only make a small machine busy. */
const maxConnections = 4;

/** A few requests by undici, for where nothing is timed: the smoke run needs no load generator installed. */
async function generate({ url, method, headers, bodies, connections, seconds }: Load): Promise<LoadFigures> {
  const { origin, pathname, search } = new URL(url);
  const pool = new Pool(origin, { connections: maxConnections });
  const startedAt = performance.now();
  const latencies: number[] = [];
  let failureCount = 0;
  let sentCount = 0;
  async function sendOn(): Promise<void> {
    do {
      const sentAt = performance.now();
      // In turn: drawn by chance, the few bad ones of a case could be all there are, and open a breaker.
      const body = bodies[sentCount % bodies.length] ?? null;
      sentCount += 1;
      const answer = await pool.request({ method, path: pathname + search, headers, body });
      await answer.body.dump();
      if (answer.statusCode !== 200) failureCount += 1;
      latencies.push(performance.now() - sentAt);
    } while (performance.now() - startedAt < seconds * 1000);
  }
  await Promise.all(Array.from({ length: Math.min(connections, maxConnections) }, sendOn));
  await pool.close();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  const elapsedSeconds = (performance.now() - startedAt) / 1000;
  return { requestCount: sorted.length, seconds: elapsedSeconds, p50Ms: at(0.5), p99Ms: at(0.99), failureCount };
}

/** The load of the smoke run. */
export const plainLoad: LoadGenerator = { name: 'a few requests', generate };
