import { expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { freePort } from './support/free-port.ts';
import { attemptsLogged, deletion, noContent, startRawUpstream } from './support/raw-upstream.ts';

it('R08 an upstream that refuses every connection gets no requests of any account, and R13 is used again when it is back', async () => {
  const port = await freePort();
  await using facade = await startTestFacade(`http://127.0.0.1:${port}`, { TRUTO_RATE_LIMITS: '0' });
  let count = 0;
  // Each in an account of its own: none of them has the twenty attempts that its own breaker counts.
  const remove = async (): Promise<string> => {
    count += 1;
    const { body } = await facade.post(deletion, { account: `account-${count}` });
    return body.data.deleteEngagement.__typename;
  };
  const members = [];
  while (members.length < 40) members.push(await remove());
  expect(new Set(members)).toEqual(new Set(['UpstreamUnavailableError']));
  expect(attemptsLogged(facade)).toContain(0);

  await using upstream = await startRawUpstream([noContent], { port });
  await expect.poll(remove).toBe('DeleteEngagementSuccess');
  expect(await remove()).toBe('DeleteEngagementSuccess');
  expect(upstream.deletes.length).toBeGreaterThan(1);
});
