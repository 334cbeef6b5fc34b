import { describe, expect, it } from 'vitest';
import { createRequestMemory } from '../src/engagement/request-memory.ts';
import { startFacadeOver } from './support/facade-over.ts';
import { performDelete } from './support/perform-delete.ts';
import { json } from './support/upstream.ts';

const document = 'mutation { deleteEngagement(id: 1, integratedAccountId: "a") { __typename } }';
const withKey = (key: string) => ({ 'idempotency-key': key });

describe('an Idempotency-Key', () => {
  it.each([[''], [' '], ['two words'], ['x'.repeat(256)], ['schlüssel']])(
    'of any form but 1 to 255 visible ASCII characters is refused: %j',
    async (key) => {
      await using facade = await startFacadeOver(json(204, undefined));
      const { status, body } = await facade.post(document, {}, withKey(key));
      expect([status, body.errors[0].extensions.code]).toEqual([400, 'BAD_USER_INPUT']);
      expect(facade.upstream.seen).toEqual([]);
    },
  );

  it.each([[{ idempotencyKey: 5 }], [{ idempotencyKey: 'other' }], [{ idempotencyKey: ['k'] }]])(
    'together with extensions of %j is refused',
    async (extensions) => {
      await using facade = await startFacadeOver(json(204, undefined));
      const response = await fetch(`${facade.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...withKey('k') },
        body: JSON.stringify({ query: document, extensions }),
      });
      expect(response.status).toBe(400);
      expect(facade.upstream.seen).toEqual([]);
    },
  );
});

const keyed = {
  ...{ key: 'k', fingerprint: 'f', hasCallerLeft: () => false, deadlineAt: Number.POSITIVE_INFINITY },
  unknownSince: () => {
    throw new Error('nothing is unknown');
  },
};

describe('the memory of deletes', () => {
  it('drops the record of a success that is too large, with a warning, but never the success', async () => {
    const memory = createRequestMemory();
    const success = {
      kind: 'DeleteEngagementSuccess',
      deletedEngagementId: '1',
      deletedNodeId: 'n1',
      outcome: 'DELETED',
      engagement: { id: '1', integratedAccountId: 'a', content: 'x'.repeat(300_000) },
      stream: null,
      integration: null,
      rateLimit: null,
      warnings: [],
    } as const;
    expect(await performDelete(memory, keyed, async () => success)).toEqual({ kind: 'performed', result: success });
    expect(await performDelete(memory, keyed, () => Promise.reject(new Error('done twice')))).toMatchObject({
      kind: 'repeated',
      result: { outcome: 'DELETED', engagement: null, warnings: [expect.stringContaining('too large')] },
    });
  });

  it('has an unknown outcome of a delete that a fault of this server ended: it may have been sent', async () => {
    const memory = createRequestMemory();
    const lost = {
      kind: 'OutcomeUnknownError',
      message: 'lost',
      retrySafe: true,
      upstreamIdempotencyKey: 'k',
      lastStatusCode: null,
      engagement: null,
    } as const;
    const ours = { ...keyed, unknownSince: () => lost };
    await expect(performDelete(memory, ours, () => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug');
    const later = { kind: 'NotFoundError', message: '', accountFound: true } as const;
    const again = await performDelete(memory, ours, async ({ earlier }) => {
      expect(earlier).toEqual(lost);
      return later;
    });
    expect(again).toEqual({ kind: 'performed', result: later });
  });

  it('has nothing about a delete with a refused caller', async () => {
    const memory = createRequestMemory();
    await performDelete(memory, keyed, async () => ({ kind: 'Unauthenticated', message: '' }));
    const later = { kind: 'NotFoundError', message: '', accountFound: true } as const;
    const again = await performDelete(memory, keyed, async ({ earlier }) => {
      expect(earlier).toBeUndefined();
      return later;
    });
    expect(again).toEqual({ kind: 'performed', result: later });
  });

  it('has nothing about a missing record while the account could not be checked', async () => {
    const memory = createRequestMemory();
    const unchecked = { kind: 'NotFoundError', message: '', accountFound: false, isUnchecked: true } as const;
    await performDelete(memory, keyed, async () => unchecked);
    const found = { ...unchecked, accountFound: true, isUnchecked: false };
    expect(await performDelete(memory, keyed, async () => found)).toEqual({ kind: 'performed', result: found });
  });
});
