import { afterAll } from 'vitest';

/** What ends by one of these. */
type Ending = AsyncDisposable | Disposable | { close(): unknown };

/** Starts what all tests of a file share. It ends after the last of them, before what was started earlier. */
export async function shared<Started extends Ending>(starting: Started | Promise<Started>): Promise<Started> {
  const started = await starting;
  afterAll(async () => {
    if ('close' in started) await started.close();
    else if (Symbol.asyncDispose in started) await started[Symbol.asyncDispose]();
    else started[Symbol.dispose]();
  });
  return started;
}
