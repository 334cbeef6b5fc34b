import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { shared } from './support/shared.ts';
import { type Answer, json, startUpstream } from './support/upstream.ts';

const answer: Answer = json(200, { id: '1', subject: 'S', engagement_type: 'task', result: [] });
const upstream = await shared(startUpstream((request, response) => answer(request, response), 'planhat'));
const strict = await shared(startUpstream(json(200, { id: '1' }), 'affinity'));
const facade = await shared(startTestFacade(upstream.url));
const strictFacade = await shared(startTestFacade(strict.url));

const fields =
  '__typename ... on DeleteEngagementSuccess { deletedNodeId warnings } ... on InvalidInputError { issues { path } }';
const remove = async (args: string, server = facade) => {
  const query = `mutation { deleteEngagement(id: "1", integratedAccountId: "a", ${args}) { ${fields} } }`;
  const { body } = await server.post(query);
  return { ...body.data?.deleteEngagement, errors: body.errors };
};
const sent = () => upstream.seen.at(-1)?.query ?? {};

describe('a date of a delete', () => {
  it.each(['2026-01-31', '2026-01-31T09:00', '2026-01-31T09:00:00', '2026-01-31t09:00:00.123', '2024-02-29'])(
    'without an offset or a time, %s, is sent unchanged',
    async (text) => {
      const result = await remove(`parameters: { createdAt: "${text}", updatedAt: "${text}" }`);
      expect(result.__typename).toBe('DeleteEngagementSuccess');
      expect(sent()).toMatchObject({ created_at: text, updated_at: text });
    },
  );

  it('with an offset is sent in UTC', async () => {
    await remove('parameters: { createdAt: "2026-01-31T09:00:00+01:00" }');
    expect(sent()).toMatchObject({ created_at: '2026-01-31T08:00:00.000Z' });
  });

  it.each(['2026-02-30', '2026-01-31T25:00', '2026-01', '2026-01-31T', '2026-01-31 09:00', 'yesterday', '2026-1-31'])(
    'that does not exist or has another form, %s, is refused',
    async (text) => {
      const before = upstream.seen.length;
      const { errors } = await remove(`parameters: { createdAt: "${text}" }`);
      expect(errors).toHaveLength(1);
      expect(upstream.seen).toHaveLength(before);
    },
  );

  it('in the year 0000 is refused', async () => {
    const { issues } = await remove('parameters: { createdAt: "0000-01-31" }');
    expect(issues).toEqual([{ path: ['parameters', 'createdAt'] }]);
  });
});

it.each(['gt', 'lt'])('refuses a filter whose %s has no offset, since its zone is not known', async (end) => {
  const query = `{ engagements(integratedAccountId: "a", filter: { createdAt: { ${end}: "2026-01-31" } }) { nodes { id } } }`;
  const { body } = await facade.post(query);
  expect(body.errors[0].extensions).toMatchObject({ issues: [{ path: ['filter', 'createdAt', end] }] });
});

describe('a documented parameter in trutoQuery', () => {
  it('has any form, if its argument is not given', async () => {
    const objects = 'account: { name: "ACME", id: "7" }, contact: [{ name: "Ann" }], created_at: "last week"';
    const { __typename: kind } = await remove(`trutoQuery: { ${objects} }, parameters: { status: "done" }`);
    expect(kind).toBe('DeleteEngagementSuccess');
    const expected = { account: { name: 'ACME', id: '7' }, contact: [{ name: 'Ann' }], created_at: 'last week' };
    expect(sent()).toMatchObject({ ...expected, status: 'done' });
    await facade.post(
      '{ engagements(integratedAccountId: "a", trutoQuery: { owner: { email: "a@b" } }) { nodes { id } } }',
    );
    expect(sent()).toMatchObject({ owner: { email: 'a@b' } });
  });

  it('is refused if its argument is given too', async () => {
    const { issues } = await remove('trutoQuery: { account: { name: "ACME" } }, parameters: { account: { id: "7" } }');
    expect(issues).toEqual([{ path: ['trutoQuery', 'account'] }]);
  });

  it('is refused if it has an argument of its own', async () => {
    for (const name of ['engagement_type', 'truto_response_format', 'remote_query', 'id']) {
      const { issues } = await remove(`trutoQuery: { ${name}: "x" }`);
      expect(issues[0].path[0]).toBe('trutoQuery');
    }
  });
});

describe('rawEngagementType', () => {
  it('is sent unchanged in a delete, its snapshot, a list of deletes, a read and a list', async () => {
    const before = upstream.seen.length;
    const raw = 'rawEngagementType: "Task Item"';
    await remove(`${raw}, snapshot: true`);
    await facade.post(
      `mutation { deleteEngagements(items: [{ id: "1", ${raw} }], integratedAccountId: "a") { results { __typename } } }`,
    );
    await facade.post(`{ engagement(id: "1", integratedAccountId: "a", ${raw}) { id } }`);
    await facade.post(`{ engagements(integratedAccountId: "a", ${raw}) { nodes { id } } }`);
    const requests = upstream.seen.slice(before).filter(({ path }) => path.startsWith('/unified/'));
    expect(requests.map(({ method }) => method)).toEqual(['GET', 'DELETE', 'DELETE', 'GET', 'GET']);
    for (const { query } of requests) expect(query.engagement_type).toBe('Task Item');
  });

  it('is in the body of a create', async () => {
    const create = (type: string) =>
      facade.post(
        `mutation { createEngagement(integratedAccountId: "a", dryRun: true, input: { subject: "S", ${type} }) { ... on CreateEngagementPlan { body } ... on InvalidInputError { issues { path } } } }`,
      );
    const { body } = await create('rawEngagementType: "task"');
    expect(body.data.createEngagement.body).toMatchObject({ engagement_type: 'task' });
    const both = ['rawEngagementType: "task", engagementType: CALL', 'rawEngagementType: "call", engagementType: CALL'];
    for (const bad of ['rawEngagementType: " "', ...both]) {
      const { issues } = (await create(bad)).body.data.createEngagement;
      expect(issues).toEqual([{ path: ['input', 'rawEngagementType'] }]);
    }
  });

  it('counts as the type that an integration requires, with a warning', async () => {
    const { __typename: kind, warnings } = await remove('rawEngagementType: "task"', strictFacade);
    expect(kind).toBe('DeleteEngagementSuccess');
    expect(warnings).toEqual([expect.stringMatching(/^rawEngagementType: /)]);
  });

  it('is in the node id of the deleted engagement, as in that of a read', async () => {
    const { deletedNodeId } = await remove('rawEngagementType: "task"', strictFacade);
    const { body } = await strictFacade.post(
      '{ engagement(id: "1", integratedAccountId: "a", rawEngagementType: "task") { nodeId } }',
    );
    expect(body.data.engagement.nodeId).toBe(deletedNodeId);
  });

  it('is refused together with engagementType, and without text', async () => {
    for (const args of ['rawEngagementType: "task", engagementType: CALL', 'rawEngagementType: " "']) {
      expect((await remove(args)).issues).toEqual([{ path: ['rawEngagementType'] }]);
      for (const field of [
        `engagement(id: "1", integratedAccountId: "a", ${args}) { id }`,
        `engagements(integratedAccountId: "a", ${args}) { nodes { id } }`,
      ]) {
        const { body } = await facade.post(`{ ${field} }`);
        expect(body.errors[0].extensions).toMatchObject({
          code: 'INVALID_INPUT',
          issues: [{ path: ['rawEngagementType'] }],
        });
      }
    }
  });

  it('sends the parameters of emails for a type that is called email', async () => {
    const { warnings } = await remove('rawEngagementType: "Email", parameters: { content: "C" }');
    expect(warnings).toEqual([expect.stringMatching(/^rawEngagementType: /)]);
    const { issues } = await remove('rawEngagementType: "task", parameters: { content: "C" }');
    expect(issues).toEqual([{ path: ['parameters', 'content'] }]);
  });
});
