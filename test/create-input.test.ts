import { describe, expect, it } from 'vitest';
import {
  buildCreateRequest,
  type CreateEngagementInput,
  checkBody,
  checkCreate,
} from '../src/engagement/create/input.ts';
import { hasSent } from '../src/engagement/create/outcome.ts';
import { createOf } from '../src/engagement/restore/restore-engagement.ts';
import { type KeptRecord, readUndoLine } from '../src/engagement/restore/undo-line.ts';

const engagement = {
  id: 'e1',
  subject: 'Renewal',
  engagement_type: 'email',
  direction: 'inbound',
  owner: { id: 'u1', name: 'Ada' },
  account: null,
  contact: [{ id: 7, email: 'x' }],
  lead: [],
  phone_numbers: [{ id: 'p1', number: '+49', type: null }],
  custom_fields: { colour: 'red' },
  notes: [{ id: 'n1' }],
  created_at: '2026-01-01T00:00:00Z',
  updated_at: null,
  remote_data: { secret: 1 },
  start_time: ['malformed'],
  region: 'eu',
};

describe('the create of a kept record', () => {
  const created = (record: object) =>
    createOf(readUndoLine(Buffer.from(JSON.stringify({ integratedAccountId: 'a', engagement: record }))) as KeptRecord);

  it('has what a create can write, and names everything with a value that it leaves out', () => {
    const { input, lost } = created(engagement);
    expect(input).toEqual({
      integratedAccountId: 'a',
      fields: {
        owner: { id: 'u1' },
        subject: 'Renewal',
        engagement_type: 'email',
        contact: [{ id: '7' }],
        phone_numbers: [{ number: '+49', type: null }],
        custom_fields: { colour: 'red' },
      },
    });
    expect([...lost].sort()).toEqual(['created_at', 'direction', 'notes', 'region', 'remote_data', 'start_time']);
  });

  it('keeps the direction of a call', () => {
    expect(created({ id: 'e1', engagement_type: 'Call', direction: 'missed' }).lost).toEqual([]);
  });

  it('passes the checks', () => {
    expect(checkCreate(created(engagement).input)).toEqual([]);
  });
});

describe('the input of a create', () => {
  const checked = (fields: object, rest: object = {}) =>
    checkCreate({ integratedAccountId: 'a', fields, ...rest } as CreateEngagementInput).map(({ path }) => path);

  it.each<[string, object]>([
    ['a read-only field', { subject: 'x', created_at: '2026-01-01T00:00:00Z' }],
    ['an unknown field', { subject: 'x', region: 'eu' }],
  ])('is refused with %s, which would be lost', (_what, fields) => {
    expect(checked(fields)).toEqual([['input']]);
  });

  it('is refused when its data is nested too deeply', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });
    expect(checked({}, { remoteData: nested(20) })).toEqual([]);
    expect(checked({}, { remoteData: nested(21) })).toEqual([['input', 'remoteData']]);
  });

  it('is refused with a number that would be sent as null', () => {
    expect(checked({ custom_fields: JSON.parse('{ "size": -1e400 }') })).toEqual([['input', 'customFields']]);
  });

  it('is refused beyond 256 KiB of body, counted in bytes, by its largest field', () => {
    const bodyOf = (letters: number): CreateEngagementInput => ({
      integratedAccountId: 'a',
      fields: { subject: 'x', content: 'é'.repeat(letters) },
    });
    const check = (input: CreateEngagementInput) => checkBody(buildCreateRequest(input, new Set(), '').body, input);
    const overhead = JSON.stringify({ content: '', subject: 'x' }).length;
    expect(check(bodyOf((256 * 1024 - overhead) / 2))).toEqual([]);
    expect(check(bodyOf((256 * 1024 - overhead) / 2 + 1))).toMatchObject([{ path: ['input', 'content'] }]);
  });
});

it('a custom field that was sent is recognized in any order of its keys', () => {
  const found = { custom_fields: { size: { x: 1, y: [1, 2] } } };
  const seen = (size: object) => hasSent(found, ['custom_fields', { size }]);
  expect([seen({ y: [1, 2], x: 1 }), seen({ y: [2, 1], x: 1 })]).toEqual([true, false]);
});
