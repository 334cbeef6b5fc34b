import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

/** Puts the load on that the file describes, and prints what came of it. */
const { url, method, headers, bodies, connections, seconds } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const drawBody = () => bodies[Math.floor(Math.random() * bodies.length)];
const oneOfMany = [{ setupRequest: (request) => ({ ...request, body: drawBody() }) }];
const { requests, duration, latency, errors, timeouts, non2xx } = await autocannon({
  ...{ url, method, headers, connections, duration: seconds },
  ...(bodies.length > 1 ? { requests: oneOfMany } : { body: bodies[0] }),
});
const failureCount = errors + timeouts + non2xx;
const figures = {
  requestCount: requests.total,
  seconds: duration,
  p50Ms: latency.p50,
  p99Ms: latency.p99,
  failureCount,
};
process.stdout.write(JSON.stringify(figures));
