import { describe, expect, it } from 'vitest';
import { readBody } from '../src/engagement/body.ts';
import { buildSuccess } from '../src/engagement/delete/outcome.ts';
import { wireFieldsOf } from '../src/engagement/record.ts';

function engagementOf(body: string): unknown {
  const complete = { kind: 'complete', bytes: Buffer.from(body) } as const;
  const context = {
    input: { id: 'asked', integratedAccountId: 'account-1', format: 'unified' },
    selection: { fields: new Set(wireFieldsOf('engagements')), noteFields: new Set<never>(), chunks: false },
    ...{ integration: null, warnings: [], snapshot: null },
  } as const;
  const answer = { kind: 'answer', statusCode: 200, headers: {}, body: complete, disconnect() {} } as const;
  return buildSuccess(answer, readBody(complete), context, []).engagement;
}

describe('an id that upstream sends as a number', () => {
  it('has all digits when a JavaScript number can hold them', () => {
    const body = '{"id":9007199254740991,"owner":{"id":7},"contact":[{"id":-1}]}';
    const expected = { id: '9007199254740991', owner: { id: '7' }, contact: [{ id: '-1' }] };
    expect(engagementOf(body)).toMatchObject(expected);
  });

  it('has all digits beyond 2^53 too, or loses its field, but never becomes the id of another record', () => {
    const id = '1386586000002576001';
    const body = `{"id":${id},"owner":{"id":${id}},"contact":[{"id":${id}}],"phone_numbers":[{"id":${id}}]}`;
    const shown = JSON.stringify(engagementOf(body)).match(/\d{16,}/g) ?? [];
    expect(shown.filter((digits) => digits !== id)).toEqual([]);
  });
});
