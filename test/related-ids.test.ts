import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { refusedIds, takenIds } from './support/ids.ts';
import { type RawAnswer, record, startRawUpstream } from './support/raw-upstream.ts';

const query = '{ engagement(id: "e1", integratedAccountId: "a") { contacts { id name } } }';

describe("S04 an id in upstream's record", () => {
  /** Reads an engagement with such contacts. Returns the contacts, and the requests for them. */
  async function readContacts(contactIds: readonly string[]) {
    const engagement = record({ id: 'e1', contact: contactIds.map((id) => ({ id })) });
    const onRead: RawAnswer = (socket, request) =>
      (request.path.startsWith('/unified/crm/engagements/') ? engagement : record({ name: 'fine' }))(socket, request);
    await using upstream = await startRawUpstream([], { onRead });
    await using facade = await startTestFacade(upstream.url, { TRUTO_RATE_LIMITS: '0' });
    const { body } = await facade.post(query);
    const targets = upstream.requests.map(({ head }) => head.split('\r\n', 1)[0]?.split(' ')[1] ?? '');
    return { body, targets: targets.filter((target) => !/^\/unified\/crm\/engagements\/e1\?/.test(target)) };
  }

  it('of any form is one path segment of the read', async () => {
    const { body, targets } = await readContacts(takenIds);
    expect(body.errors).toBeUndefined();
    expect(body.data.engagement.contacts).toEqual(takenIds.map((id) => ({ id, name: 'fine' })));
    const segments = targets.map((target) => {
      expect(target).toMatch(/^\/unified\/crm\/contacts\/[\x21-\x7e]+$/);
      expect(target).not.toContain('#');
      const { pathname } = new URL(target, 'http://h');
      return pathname.slice('/unified/crm/contacts/'.length);
    });
    expect(segments.map(decodeURIComponent).sort()).toEqual([...takenIds].sort());
    expect(segments.filter((segment) => segment.includes('/'))).toEqual([]);
  });

  it('that is empty is invalid: the list is left out', async () => {
    const { body, targets } = await readContacts(['', 'c1']);
    expect(body).toEqual({ data: { engagement: { contacts: null } } });
    expect(targets).toEqual([]);
  });

  it.each(refusedIds.filter(([, id]) => id !== ''))('is not read when it is %s', async (_what, id) => {
    const { body, targets } = await readContacts([id, 'c1']);
    expect(targets).toEqual([expect.stringMatching(/^\/unified\/crm\/contacts\/c1\?/)]);
    expect(body.data.engagement.contacts).toEqual([
      { id, name: null },
      { id: 'c1', name: 'fine' },
    ]);
    expect(body.errors).toMatchObject([
      { path: ['engagement', 'contacts', 0, 'name'], extensions: { code: 'UPSTREAM_UNAVAILABLE' } },
    ]);
    expect(body.errors).toHaveLength(1);
  });
});
