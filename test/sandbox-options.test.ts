import { describe, expect, test } from 'vitest';
import { sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { findFault } from '../src/sandbox/faults.ts';
import type { ReceivedRequest } from '../src/sandbox/request.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, engagementCall } from './sandbox-call.ts';
import { closing } from './support/closing.ts';
import { shared } from './support/shared.ts';

const account = sandboxAccount('Pipedrive');
const count = 500;
const engagements = seedEngagements(account, count);
const [first, second, third] = engagements;

describe('engagementsPerAccount', async () => {
  const sandbox = await shared(startSandbox({ engagementsPerAccount: count }));

  test.each(sandboxAccounts)('gives $integration.label that many, with their own ids, the usual ones first', (at) => {
    const many = seedEngagements(at, count);
    expect(new Set(many.map(({ id }) => id)).size).toBe(count);
    const usual = seedEngagements(at);
    expect(many.slice(0, usual.length)).toEqual(usual);
    expect(many[usual.length]).toEqual({ ...usual[0], id: many[usual.length]?.id });
    expect(seedEngagements(at, 3)).toEqual(usual.slice(0, 3));
  });

  test('lets the last of them be read and deleted', async () => {
    const last = engagements.at(-1);
    if (last === undefined) throw new RangeError('there is none');
    expect((await callSandbox(sandbox, engagementCall('GET', account, last))).body).toMatchObject({ id: last.id });
    expect((await callSandbox(sandbox, engagementCall('DELETE', account, last))).status).toBe(200);
    expect((await callSandbox(sandbox, engagementCall('DELETE', account, last))).status).toBe(404);
  });

  test.each([-1, 1.5, Number.NaN, 75_001])('is refused when it is %d', async (engagementsPerAccount) => {
    await expect(startSandbox({ engagementsPerAccount })).rejects.toThrow(RangeError);
  });
});

describe('pickFault', async () => {
  const asked: ReceivedRequest[] = [];
  const sandbox = await shared(
    startSandbox({
      pickFault(request) {
        asked.push(request);
        return request.method === 'DELETE' && request.url.includes(`/${first?.id}?`)
          ? findFault('fault-409')
          : undefined;
      },
    }),
  );

  test('strikes the requests that it picks, and no others', async () => {
    if (!first || !second) throw new RangeError('there are none');
    expect((await callSandbox(sandbox, engagementCall('DELETE', account, first))).status).toBe(409);
    expect((await callSandbox(sandbox, engagementCall('GET', account, first))).status).toBe(200);
    expect((await callSandbox(sandbox, engagementCall('DELETE', account, second))).status).toBe(200);
    expect(asked.map(({ method }) => method)).toEqual(['DELETE', 'GET', 'DELETE']);
  });

  test('does not change requests that name a fault', async () => {
    if (!first) throw new RangeError('there is none');
    asked.length = 0;
    const headers = { 'x-sandbox-fault': 'fault-503' };
    expect((await callSandbox(sandbox, { ...engagementCall('DELETE', account, first), headers })).status).toBe(503);
    const reserved = engagementCall('DELETE', account, { ...first, id: 'fault-422' });
    expect((await callSandbox(sandbox, reserved)).status).toBe(422);
    expect(asked).toEqual([]);
  });
});

describe('the state of a sandbox', () => {
  test('wasDeleted is right after any response', async () => {
    await using sandbox = closing(await startSandbox());
    if (!first || !second || !third) throw new RangeError('there are none');
    const strike = (engagement: typeof first, fault: string) =>
      callSandbox(sandbox, {
        ...engagementCall('DELETE', account, engagement),
        headers: { 'x-sandbox-fault': fault },
      });
    expect((await strike(first, 'fault-504')).status).toBe(504);
    expect((await strike(second, 'fault-504-after')).status).toBe(504);
    expect(sandbox.wasDeleted(account.id, first.id)).toBe(false);
    expect(sandbox.wasDeleted(account.id, second.id)).toBe(true);
    expect(sandbox.wasDeleted(sandboxAccount('Copper').id, second.id)).toBe(false);
    expect(sandbox.wasDeleted(account.id, third.id)).toBe(false);
    expect(sandbox.wasDeleted(account.id, 'never-there')).toBe(false);
    expect(sandbox.wasDeleted('nobody', second.id)).toBe(false);
  });

  test('countConnections counts the connections that are open', async () => {
    const sandbox = await startSandbox();
    expect(await sandbox.countConnections()).toBe(0);
    await callSandbox(sandbox, { query: { integrated_account_id: account.id } });
    expect(await sandbox.countConnections()).toBe(1);
    await sandbox.close();
    await expect.poll(() => sandbox.countConnections()).toBe(0);
  });
});

test('keepsLimits refuses the 51st request of an account in ten seconds as Truto does, and no other account', async () => {
  await using sandbox = closing(await startSandbox({ engagementsPerAccount: 60, keepsLimits: true }));
  const answers = [];
  for (const engagement of seedEngagements(account, 51))
    answers.push(await callSandbox(sandbox, engagementCall('GET', account, engagement)));
  expect(answers.map(({ status }) => status)).toEqual([...Array.from({ length: 50 }, () => 200), 429]);
  expect(answers.at(-1)).toMatchObject({ status: 429, body: { statusCode: 429, error: 'Too Many Requests' } });
  const other = sandboxAccount('Capsule');
  const [engagement] = seedEngagements(other);
  if (engagement === undefined) throw new RangeError('there is none');
  expect((await callSandbox(sandbox, engagementCall('GET', other, engagement))).status).toBe(200);
});
