import { type BulkheadPolicy, bulkhead } from 'cockatiel';

/**
 * Lets so many tasks run at once; the others wait their turn, each no longer than until its deadline. undici has a queue
 * of its own, but a request that expires there takes a live connection along when its turn comes.
 */
export class Gate {
  readonly #bulkhead: BulkheadPolicy;

  /** @param maxWaiting beyond it, nobody is let in to wait. */
  constructor(maxRunning: number, maxWaiting: number) {
    this.#bulkhead = bulkhead(maxRunning, maxWaiting);
  }

  /**
   * Runs the task when its turn comes, and keeps the place until `isDone` settles.
   * @returns undefined when the deadline came first, or too many wait: then the task was not and will not be run.
   */
  async run<Result>(
    deadlineAt: number,
    task: () => { readonly result: Promise<Result>; readonly isDone: Promise<unknown> },
  ): Promise<Result | undefined> {
    // The usual case needs no clock.
    if (this.#bulkhead.executionSlots > 0) return this.#runNow(task);
    const turn = Promise.withResolvers<Result | undefined>();
    let hasExpired = false;
    const timer = setTimeout(
      () => {
        hasExpired = true;
        turn.resolve(undefined);
      },
      Math.max(0, deadlineAt - performance.now()),
    );
    const place = this.#bulkhead.execute(async () => {
      clearTimeout(timer);
      if (hasExpired) return;
      const { result, isDone } = task();
      turn.resolve(result);
      await isDone;
    });
    place.catch(() => turn.resolve(undefined));
    const result = await turn.promise;
    clearTimeout(timer);
    return result;
  }

  #runNow<Result>(
    task: () => { readonly result: Promise<Result>; readonly isDone: Promise<unknown> },
  ): Promise<Result> | undefined {
    let result: Promise<Result> | undefined;
    const place = this.#bulkhead.execute(() => {
      const begun = task();
      result = begun.result;
      return begun.isDone;
    });
    place.catch(() => {});
    return result;
  }
}
