import { type Audit, type AuditResult, serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestFacade, type TestFacade } from './support/facade.ts';

/** Audits that may end in `notice` (a MAY that is not taken up), each with the reason. */
const get = 'operations come by POST only, so that no link can execute one';
const allowedNotices: Readonly<Record<string, string>> = { '5A70': get, D6D5: get, '6A70': get };

let facade: TestFacade;
beforeAll(async () => {
  facade = await startTestFacade('http://127.0.0.1:1', { EXPOSE_SCHEMA: '1' });
});
afterAll(() => facade[Symbol.asyncDispose]());

describe('R20 GraphQL over HTTP', () => {
  // Audits need their address when they are made, the server has one only later: only the names are read here.
  const names = serverAudits({ url: '' }).map(({ id, name }) => [id, name] as const);

  it('is audited whole', () => expect(names).toHaveLength(61));

  it.each(names)('%s %s', async (id) => {
    const audit: Audit | undefined = serverAudits({ url: `${facade.url}/graphql` }).find(
      (candidate) => candidate.id === id,
    );
    const result: AuditResult | undefined = await audit?.fn();
    const allowed = id in allowedNotices ? ['ok', 'notice'] : ['ok'];
    expect(allowed, result?.status === 'ok' ? '' : result?.reason).toContain(result?.status);
  });
});
