import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deleteEach } from '../src/engagement/delete-many.ts';
import type { DeleteEngagementResult } from '../src/engagement/result.ts';

describe('a list of deletes', () => {
  it('begins each engagement once, and gives each item the result of its own', async () => {
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
});
