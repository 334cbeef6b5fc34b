import { describe, expect, it } from 'vitest';
import type { EngagementFields } from '../src/engagement/create/input.ts';
import { camelCase, type ResourceField, resources } from '../src/engagement/resources.ts';
import { createOf } from '../src/engagement/restore/restore-engagement.ts';
import { type KeptRecord, readUndoLine } from '../src/engagement/restore/undo-line.ts';
import { type SandboxAccount, sandboxAccount, sandboxAccounts } from '../src/sandbox/accounts.ts';
import { findFault, sandboxFaults } from '../src/sandbox/faults.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { closing } from './support/closing.ts';
import { startTestFacade, type TestFacade } from './support/facade.ts';

const creation = `mutation ($account: ID!, $input: CreateEngagementInput!) {
  createEngagement(integratedAccountId: $account, input: $input) {
    __typename
    ... on CreateEngagementSuccess { createdEngagementId outcome engagement { id content subject startTime owner { id } contacts { id } } warnings }
    ... on InvalidInputError { issues { path message } }
    ... on Error { message }
  }
}`;

async function create(facade: TestFacade, account: SandboxAccount, input: object) {
  const { body } = await facade.post(creation, { account: account.id, input });
  expect(body.errors).toBeUndefined();
  return body.data.createEngagement;
}

function inputOf(fields: EngagementFields, engagementType: string): object {
  const rows: Readonly<Record<string, ResourceField>> = resources.engagements;
  const { engagement_type: _type, ...others } = fields;
  const named = Object.entries(others).map(([name, value]) => [rows[name]?.name ?? camelCase(name), value]);
  return { ...Object.fromEntries(named), engagementType };
}

const creators = sandboxAccounts.filter(({ rule }) => rule?.creates);
const pipedrive = sandboxAccount('Pipedrive');

describe('createEngagement against the sandbox', () => {
  it.each(creators)('creates what a read of $integration.label returned', async (account) => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const [seeded] = sandbox.engagementsOf(account.id);
    const line = { integratedAccountId: account.id, engagement: { ...seeded, engagement_type: 'call' } };
    const kept = readUndoLine(Buffer.from(JSON.stringify(line))) as KeptRecord;
    const { input, lost } = createOf(kept);
    const { fields } = input;
    expect(lost).toEqual(expect.arrayContaining(['created_at', 'updated_at']));
    const result = await create(facade, account, inputOf(fields, 'CALL'));
    expect(result).toMatchObject({ __typename: 'CreateEngagementSuccess', outcome: 'CREATED' });
    const made = sandbox.engagementsOf(account.id).at(-1);
    expect(made?.id).toBe(result.createdEngagementId);
    for (const name of ['subject', 'content', 'contact'] as const)
      if (made?.[name] !== undefined) expect(made[name]).toEqual(fields[name]);
  });

  it('names the fields that the provider requires', async () => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const result = await create(facade, sandboxAccount('Zoho CRM'), { engagementType: 'CALL', content: 'x' });
    expect(result).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: ['input', 'subject'] }, { path: ['input', 'startTime'] }],
    });
  });

  it.each(sandboxFaults.filter(({ name }) => name !== 'fault-slow'))(
    'says the truth after $name, and creates at most one',
    async ({ name }) => {
      const fault = findFault(name);
      await using sandbox = closing(
        await startSandbox({ pickFault: ({ method }) => (method === 'POST' ? fault : undefined) }),
      );
      await using facade = await startTestFacade(sandbox.url, { REQUEST_TIMEOUT_MS: '4000' });
      const before = sandbox.engagementsOf(pipedrive.id).length;
      const result = await create(facade, pipedrive, { engagementType: 'CALL', subject: 'Only once' });
      const made = sandbox.engagementsOf(pipedrive.id).slice(before);
      expect(made.length).toBeLessThanOrEqual(1);
      if (result.__typename === 'CreateEngagementSuccess')
        expect([result.createdEngagementId]).toEqual(made.map(({ id }) => id));
      else if (result.__typename !== 'OutcomeUnknownError') expect(made).toEqual([]);
      // The search finds a created engagement after any answer.
      if (made.length === 1) expect(result.__typename).toBe('CreateEngagementSuccess');
    },
  );
});
