import { describe, expect, test } from 'vitest';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { relatedIds } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { callSandbox, engagementCall, relatedCall, seededEngagement } from './sandbox-call.ts';
import { closing } from './support/closing.ts';

const account = sandboxAccount('Zoho CRM');
const latencyMs = 60;

/** How long it takes; timers may fire up to a millisecond early. */
async function measure(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs + 2;
}

describe('latencyMs', () => {
  test('delays every unified answer, refusals too', async () => {
    await using sandbox = closing(await startSandbox({ latencyMs }));
    const calls = [
      engagementCall('GET', account, seededEngagement(account)),
      engagementCall('DELETE', account, seededEngagement(account, 1)),
      relatedCall(account, 'contacts'),
      relatedCall(account, 'notes', 'nowhere'),
      relatedCall(account, 'projects'),
    ];
    for (const call of calls) {
      expect(await measure(() => callSandbox(sandbox, call))).toBeGreaterThanOrEqual(latencyMs);
    }
  });

  test('delays calls at the same time, not one after another', async () => {
    const sandbox = await startSandbox({ latencyMs: 3_600_000 });
    const ids = relatedIds(account, 'users');
    const calls = ids.map((id) => callSandbox(sandbox, relatedCall(account, 'users', id)));
    const ended = Promise.all(calls.map((call) => expect(call).rejects.toThrow()));
    await expect.poll(() => sandbox.requests.length).toBe(ids.length);
    await sandbox.close();
    await ended;
  });

  test('does not delay close, or requests outside of the unified API', async () => {
    const sandbox = await startSandbox({ latencyMs: 3_600_000 });
    expect((await callSandbox(sandbox, { path: `/integrated-account/${account.id}` })).status).toBe(200);
    const ended = expect(callSandbox(sandbox, relatedCall(account, 'users'))).rejects.toThrow();
    await expect.poll(() => sandbox.requests.length).toBe(2);
    await sandbox.close();
    await ended;
  });
});
