import { describe, expect, it } from 'vitest';
import { createOf } from '../src/engagement/restore/restore-engagement.ts';
import { engagementKey, type KeptRecord, readUndoLine, type UndoLine } from '../src/engagement/restore/undo-line.ts';

const read = (line: unknown) => readUndoLine(Buffer.from(typeof line === 'string' ? line : JSON.stringify(line)));
const integratedAccountId = '00000000-0000-4000-8000-000000000002';
const readAt = '2026-11-01T10:00:00.000Z';

describe('a line of an undo file', () => {
  it('has the record, its account, and when it was read', () => {
    const engagement = { id: '7', subject: 'Hello', engagement_type: 'call', notes: [{ id: 'n1', content: 'x' }] };
    expect(read({ integratedAccountId, readAt, engagement })).toMatchObject({
      kind: 'Record',
      record: { id: '7', integratedAccountId, subject: 'Hello', notes: [{ id: 'n1' }] },
      readAtMs: Date.parse(readAt),
      wasDeleted: false,
      unreadable: [],
    });
  });

  it('keeps every digit of a long number', () => {
    const line = `{"integratedAccountId":"a","engagement":{"id":1386586000002576001}}`;
    expect(read(line)).toMatchObject({ kind: 'Record', record: { id: '1386586000002576001' } });
  });

  it('leaves out a field whose value has another form, and names it', () => {
    const engagement = { id: '7', subject: { not: 'text' }, contact: 'text', content: 'kept' };
    const { record, unreadable } = read({ integratedAccountId, engagement }) as KeptRecord;
    expect(record).toEqual({ id: '7', integratedAccountId, content: 'kept' });
    expect([...unreadable].sort()).toEqual(['contact', 'subject']);
  });

  it('keeps fields that Truto does not document, which a restore names as lost', () => {
    const kept = read({ integratedAccountId, engagement: { id: '7', subject: 'S', deal_stage: 'won' } }) as KeptRecord;
    expect(kept.record.additionalFields).toEqual({ deal_stage: 'won' });
    expect(createOf(kept)).toEqual({ input: { integratedAccountId, fields: { subject: 'S' } }, lost: ['deal_stage'] });
  });

  it.each([
    ['DELETED', true],
    ['ALREADY_ABSENT', true],
    ['ACCEPTED', false],
  ])("of the terminal's delete that ended with %s proves the delete: %s", (outcome, wasDeleted) => {
    const line = { id: '7', integratedAccountId, result: 'DeleteEngagementSuccess', outcome, engagement: { id: '7' } };
    expect(read(line)).toMatchObject({ kind: 'Record', wasDeleted, readAtMs: undefined });
  });

  it('of a delete with an unknown outcome has a record, and does not prove the delete', () => {
    const line = { id: '7', integratedAccountId, result: 'OutcomeUnknownError', engagement: { id: '7' } };
    expect(read(line)).toMatchObject({ kind: 'Record', wasDeleted: false });
  });

  it('of a delete that was refused has no record', () => {
    expect(read({ id: '7', integratedAccountId, result: 'NotFoundError', message: 'x' })).toEqual({ kind: 'NoRecord' });
  });

  it.each([
    ['half a line', '{"integratedAccountId":"a","engagement":{"id":"7"', 'not a JSON object'],
    ['another JSON value', '[]', 'not a JSON object'],
    ['no account', { engagement: { id: '7' } }, 'integratedAccountId'],
    ['an account that is not text', { integratedAccountId: 7, engagement: { id: '7' } }, 'integratedAccountId'],
    ['no engagement', { integratedAccountId }, 'no engagement'],
    ['an engagement without an id', { integratedAccountId, engagement: { subject: 'x' } }, 'engagement.id'],
    ['an empty id', { integratedAccountId, engagement: { id: '' } }, 'id: '],
    ['an id that leads elsewhere', { integratedAccountId, engagement: { id: '../contacts/7' } }, 'id: '],
    [
      'an account that leads elsewhere',
      { integratedAccountId: '..', engagement: { id: '7' } },
      'integratedAccountId: ',
    ],
    ['an impossible time', { integratedAccountId, readAt: 'yesterday', engagement: { id: '7' } }, 'readAt'],
    [
      'a value that is nested too deeply',
      `{"integratedAccountId":"a","engagement":{"id":"7","custom_fields":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}}`,
      'nested',
    ],
  ])('is unreadable with %s, and says why', (_what, line, why) => {
    const { kind, why: reason } = read(line) as Extract<UndoLine, { kind: 'Unreadable' }>;
    expect([kind, reason]).toEqual(['Unreadable', expect.stringContaining(why)]);
    // Messages end the sentence.
    expect(reason).not.toMatch(/\.$/);
  });

  it('is unreadable when it is not UTF-8: a replacement character would change the record', () => {
    const line = Buffer.from('{"integratedAccountId":"a","engagement":{"id":"caf\xe9"}}', 'latin1');
    expect(readUndoLine(line)).toEqual({ kind: 'Unreadable', why: expect.stringContaining('UTF-8') });
  });

  it('changes no prototype', () => {
    const line = `{"integratedAccountId":"a","engagement":{"id":"7","__proto__":{"subject":"x"},"custom_fields":{"__proto__":{"a":1}}}}`;
    const { record } = read(line) as KeptRecord;
    expect([record.subject, ({} as { a?: unknown }).a]).toEqual([undefined, undefined]);
  });
});

describe('the key of an engagement', () => {
  const key = (fields: object) => engagementKey({ id: '7', integratedAccountId, ...fields });

  it('differs by account, type and id: some providers number each type by itself', () => {
    const keys = [key({}), key({ id: '8' }), key({ integratedAccountId: 'b' }), key({ engagement_type: 'call' })];
    expect(new Set(keys).size).toBe(4);
  });

  it('is the same in any case of letters of the type', () => {
    expect(key({ engagement_type: 'Call' })).toBe(key({ engagement_type: 'call' }));
  });
});
