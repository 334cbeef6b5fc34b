import { channel } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { TestFacade } from './facade.ts';

/** What the promise (R01) allows beyond a deadline. */
const marginMs = 100;

/** So many timers end one after another in an operation that hangs: an attempt's, the delay after it, another attempt's. */
const timersPassed = 3;

/** Two samples of the event loop's delay: what made the last answer late must have been seen. */
const lastSamplesMs = 20;

/** How long each delete took, as its line in the log says. */
function durationsLogged(facade: TestFacade): readonly number[] {
  return [...facade.logged().matchAll(/"durationMs":(\d+).*"msg":"delete"/g)].map(([, durationMs]) =>
    Number(durationMs),
  );
}

/** Does something, and tells how late the event loop was meanwhile, at most: so late may any timer be. */
async function watchLoop<Result>(work: () => Promise<Result>): Promise<{ result: Result; delayMs: number }> {
  const delay = monitorEventLoopDelay();
  delay.enable();
  const result = await work();
  await sleep(lastSamplesMs);
  delay.disable();
  return { result, delayMs: delay.max / 1e6 };
}

/**
 * Waits for deletes, and demands that each was answered by its deadline and R01's margin. The facade's own measure counts,
 * and what kept the whole process waiting does not: tests share few cores.
 * @param timeoutMs their `REQUEST_TIMEOUT_MS`.
 */
export async function inTime<Result>(
  facade: TestFacade,
  timeoutMs: number,
  remove: () => Promise<Result>,
): Promise<Result> {
  const countBefore = durationsLogged(facade).length;
  const { result, delayMs } = await watchLoop(remove);
  const durations = durationsLogged(facade).slice(countBefore);
  expect(durations).not.toEqual([]);
  expect(Math.max(...durations)).toBeLessThanOrEqual(timeoutMs + marginMs + timersPassed * delayMs);
  return result;
}

/**
 * The same for reads, which leave no line in the log: from the moment in which Node hands their request over to the one in
 * which all of the answer is out.
 */
export async function readInTime<Result>(
  facade: TestFacade,
  timeoutMs: number,
  read: () => Promise<Result>,
): Promise<Result> {
  const port = Number(new URL(facade.url).port);
  const begun = new Map<ServerResponse, number>();
  const durations: number[] = [];
  const onStart = (message: unknown) => {
    const { response, socket } = message as { response: ServerResponse; socket: { localPort: number } };
    if (socket.localPort === port) begun.set(response, performance.now());
  };
  const onFinish = (message: unknown) => {
    const { response } = message as { response: ServerResponse };
    const startMs = begun.get(response);
    if (startMs !== undefined) durations.push(performance.now() - startMs);
  };
  const started = channel('http.server.request.start');
  const finished = channel('http.server.response.finish');
  started.subscribe(onStart);
  finished.subscribe(onFinish);
  const { result, delayMs } = await watchLoop(read);
  started.unsubscribe(onStart);
  finished.unsubscribe(onFinish);
  expect(durations.length).toBe(begun.size);
  expect(durations).not.toEqual([]);
  expect(Math.max(...durations)).toBeLessThanOrEqual(timeoutMs + marginMs + timersPassed * delayMs);
  return result;
}
