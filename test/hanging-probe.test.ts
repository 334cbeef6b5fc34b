import dns from 'node:dns';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';
import { attemptsLogged, deletion, noContent, refusal, startRawUpstream } from './support/raw-upstream.ts';

afterEach(() => void vi.restoreAllMocks());

/** An attempt that is never answered takes two thirds of it: much longer than the test may wait for anything. */
const env = { REQUEST_TIMEOUT_MS: '20000', TRUTO_RATE_LIMITS: '0' };

/**
 * Sends deletes until one is held back, then until one hangs, and then until one succeeds.
 * @param accountOf the account of the next delete.
 * @param beginToHang lets upstream work again, except for the next request, which hangs.
 * @param isHung true once that request has arrived.
 * @returns how many of the deletes that were sent while it hung have no answer by then.
 */
async function succeedBesideHanging(
  facade: TestFacade,
  accountOf: () => string,
  beginToHang: () => void,
  isHung: () => boolean,
): Promise<number> {
  const remove = async (): Promise<string> => {
    const { body } = await facade.post(deletion, { account: accountOf() });
    return body.data.deleteEngagement.__typename;
  };
  await expect.poll(() => remove().then(() => attemptsLogged(facade)), { interval: 1 }).toContain(0);
  beginToHang();
  let pendingCount = 0;
  const sendOne = () => {
    pendingCount += 1;
    void remove().then(() => (pendingCount -= 1));
    return isHung();
  };
  await expect.poll(sendOne).toBe(true);
  await expect.poll(remove).toBe('DeleteEngagementSuccess');
  return pendingCount;
}

describe('R13 while the attempt hangs that was let through to see whether it is over, others are let through', () => {
  it('to an account whose provider works again', async () => {
    let answer = refusal(502);
    let answerHung: (() => void) | undefined;
    await using upstream = await startRawUpstream([(socket, request) => answer(socket, request)]);
    await using facade = await startTestFacade(upstream.url, env);
    const beginToHang = () => {
      answer = (socket, request) => {
        answer = noContent;
        answerHung = () => noContent(socket, request);
      };
    };
    const isHung = () => answerHung !== undefined;
    expect(await succeedBesideHanging(facade, () => 'a', beginToHang, isHung)).toBe(1);
    answerHung?.();
  });

  it('to an upstream that is reached again', async () => {
    type Found = (error: Error | null, addresses?: unknown, family?: number) => void;
    let hung: Found | undefined;
    let isBack = false;
    const lookup = dns.lookup;
    vi.spyOn(dns, 'lookup').mockImplementation(((name: string, options: { all?: boolean }, found: Found) => {
      if (name !== 'upstream.invalid') Reflect.apply(lookup, dns, [name, options, found]);
      else if (!isBack) found(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }));
      else if (!hung) hung = found;
      else if (options.all) found(null, [{ address: '127.0.0.1', family: 4 }]);
      else found(null, '127.0.0.1', 4);
    }) as typeof dns.lookup);
    await using upstream = await startRawUpstream([noContent]);
    await using facade = await startTestFacade(`http://upstream.invalid:${upstream.port}`, env);
    let count = 0;
    // None has the attempts that its own breaker counts.
    const accountOf = () => `account-${count++}`;
    const beginToHang = () => (isBack = true);
    expect(await succeedBesideHanging(facade, accountOf, beginToHang, () => hung !== undefined)).toBe(1);
    hung?.(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }));
  });
});
