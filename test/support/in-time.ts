import { channel } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { TestFacade } from './facade.ts';

/** The margin beyond a deadline that R01 allows. */
const marginMs = 100;

/** The number of timers in sequence in an operation that hangs: an attempt, the delay after it, another attempt. */
const timersPassed = 3;

/** Two samples of the event loop's delay, so that the cause of a late last answer is measured. */
const lastSamplesMs = 20;

/** The duration of each delete, from its log line. */
function durationsLogged(facade: TestFacade): readonly number[] {
  return [...facade.logged().matchAll(/"durationMs":(\d+).*"msg":"delete"/g)].map(([, durationMs]) =>
    Number(durationMs),
  );
}

/** Runs something, and measures the longest delay of the event loop: a timer may be that late. */
async function watchLoop<Result>(work: () => Promise<Result>): Promise<{ result: Result; delayMs: number }> {
  const delay = monitorEventLoopDelay();
  delay.enable();
  const result = await work();
  await sleep(lastSamplesMs);
  delay.disable();
  return { result, delayMs: delay.max / 1e6 };
}

/**
 * Waits for deletes, and checks that each was answered by its deadline and R01's margin. It uses the facade's own measure, and
 * subtracts delays of the whole process, because tests share few cores.
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
 * The same for reads, which have no log line: from the moment when Node emits their request until the whole answer is
 * sent.
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
