import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deleteEach } from '../src/engagement/delete/delete-engagement.ts';
import type { DeleteEngagementResult } from '../src/engagement/result.ts';
import { AnswerRoom, withinRoom } from '../src/graphql/core/answer-room.ts';

it('a list of deletes starts each engagement once, and returns to each item its own result', async () => {
  const item = fc.record({
    id: fc.constantFrom('1', '2', '3'),
    engagementType: fc.constantFrom(undefined, null, 'call' as const, 'email' as const),
    parameters: fc.constantFrom(undefined, null, {}, { status: null }, { status: 'done' }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 12 }), async (items) => {
      const begun: string[] = [];
      const results = deleteEach(items, async ({ id, engagementType }) => {
        begun.push(`${engagementType ?? ''} ${id}`);
        return { kind: 'NotFoundError', message: `${engagementType ?? ''} ${id}` } as DeleteEngagementResult;
      });
      expect(new Set(begun).size).toBe(begun.length);
      expect(new Set(begun)).toEqual(new Set(items.map(({ id, engagementType }) => `${engagementType ?? ''} ${id}`)));
      for (const [index, result] of (await Promise.all(results)).entries()) {
        const { id, engagementType } = items[index] ?? { id: '', engagementType: null };
        if (result.kind === 'NotFoundError') expect(result.message).toBe(`${engagementType ?? ''} ${id}`);
        else expect(result.kind).toBe('InvalidInputError');
      }
    }),
  );
});

describe('the records of a list', () => {
  const record = { id: '1', integratedAccountId: 'a', content: 'x'.repeat(1024 * 1024) };
  const success: DeleteEngagementResult = {
    ...{ kind: 'DeleteEngagementSuccess', deletedEngagementId: '1', deletedNodeId: 'n1' },
    ...{ outcome: 'DELETED', engagement: record },
    ...{ raw: undefined, stream: null, integration: null, rateLimit: null, warnings: [] },
  };
  const unknown: DeleteEngagementResult = {
    ...{ kind: 'OutcomeUnknownError', message: 'It may be deleted.', retrySafe: true, upstreamIdempotencyKey: 'k' },
    ...{ lastStatusCode: null, engagement: record },
  };
  const refused: DeleteEngagementResult = {
    ...{ kind: 'RemoteApiError', message: 'No.', statusCode: 409, rawResponse: record },
  };

  it.each([
    ['a success', success],
    ['an unknown outcome', unknown],
    ['a refusal of the provider', refused],
  ])('are returned up to 16 MB, and then %s reports that its own is left out', (_what, result) => {
    const room = new AnswerRoom(1024 * 1024);
    const results = Array.from({ length: 10 }, () => withinRoom(result, room));
    // Each is slightly larger than a megabyte.
    expect(results.slice(0, 7)).toEqual(Array(7).fill(result));
    for (const left of results.slice(7)) {
      const text = JSON.stringify(left);
      expect(left.kind).toBe(result.kind);
      expect(text).toContain('left out');
      expect(text).not.toContain('xxx');
    }
  });

  it('take no room from results without one', () => {
    const room = new AnswerRoom(1024 * 1024);
    for (let index = 0; index < 20; index += 1) withinRoom(success, room);
    const missing: DeleteEngagementResult = { kind: 'NotFoundError', message: 'None.', accountFound: true };
    expect(withinRoom(missing, room)).toBe(missing);
  });
});

it('a result without data of upstream is unchanged when an operation has no room left', () => {
  const room = new AnswerRoom(1);
  room.take('x'.repeat(10_000), true);
  const nothing = { kind: 'DeleteEngagementSuccess', engagement: null, raw: undefined, warnings: [] };
  const result = nothing as unknown as DeleteEngagementResult;
  expect(withinRoom(result, room)).toBe(result);
});
