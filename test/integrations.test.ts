import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findIntegration, integrations } from '../src/engagement/integrations.ts';
import { readDeletedMark } from '../src/engagement/read.ts';
import { sandboxAccount } from '../src/sandbox/accounts.ts';
import { seedEngagements } from '../src/sandbox/seed.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { closing } from './support/closing.ts';
import { documented, withoutDelete } from './support/documented-integrations.ts';
import { startTestFacade } from './support/facade.ts';

it('the table of integrations is the documented one', () => {
  const rows = integrations.map(({ name, requiresEngagementType, engagementTypes: types, parameters }) => {
    const need = requiresEngagementType ? 'REQUIRED' : types.length > 0 ? 'optional' : '';
    return [name, need, types.join(' '), parameters.join(' ')];
  });
  expect(rows).toEqual(documented);
});

it.each(integrations.map((each) => [each.name, each] as const))(
  'an integration that soft-deletes behaves like %s in the sandbox',
  async (_name, each) => {
    await using sandbox = closing(await startSandbox());
    await using facade = await startTestFacade(sandbox.url);
    const account = sandboxAccount(each.name);
    const [first] = seedEngagements(account);
    const variables = { id: first?.id, account: account.id, type: first?.engagement_type?.toUpperCase() };
    const types = each.requiresEngagementType ? variables : { ...variables, type: null };
    const arguments_ = '(id: $id, integratedAccountId: $account, engagementType: $type)';
    const head = '($id: ID!, $account: ID!, $type: EngagementType)';
    await facade.post(`mutation${head} { deleteEngagement${arguments_} { __typename } }`, types);
    const { body } = await facade.post(`query${head} { engagement${arguments_} { id remoteData } }`, types);
    expect(body.data.engagement !== null).toBe(each.softDeletes);
    if (each.softDeletes) expect(readDeletedMark(body.data.engagement.remoteData)).toBe(true);
  },
);

describe('the name of an integration', () => {
  const known = [...documented.map(([name]) => name), ...withoutDelete];
  const noise = fc.array(fc.tuple(fc.boolean(), fc.constantFrom('', '', ' ', '-', '_', '.', '/', " (', ")), {
    minLength: 32,
    maxLength: 32,
  });

  it('is found in any case, with any spaces and punctuation', () => {
    fc.assert(
      fc.property(fc.constantFrom(...known), noise, (name, changes) => {
        const noisy = changes.map(([isUpper, inserted], index) => {
          const letter = name[index] ?? '';
          return inserted + (isUpper ? letter.toUpperCase() : letter.toLowerCase());
        });
        expect(findIntegration(noisy.join(''))).toEqual(findIntegration(name));
        expect(findIntegration(name.replaceAll(' ', ''))).toEqual(findIntegration(name));
      }),
    );
  });

  it.each(documented)('%s can delete', (name) => {
    expect(findIntegration(name)).toMatchObject({ kind: 'supported', integration: { name } });
  });

  it.each(withoutDelete)('%s cannot delete', (name) => {
    expect(findIntegration(name)).toEqual({ kind: 'unsupported', name });
  });

  it.each([
    ...['affinity', 'capsule', 'close', 'copper', 'freshsales', 'keap', 'mondaycrm', 'onepagecrm', 'pipeliner'],
    ...['zendesksell', 'zohocrm', 'highlevel', 'pipedrive', 'planhat'],
  ])('finds an integration that can delete by the slug %s', (slug) => {
    const slugged = documented.find(([name]) => name.toLowerCase().replaceAll(' ', '') === slug);
    expect(findIntegration(slug)).toMatchObject({ kind: 'supported', integration: { name: slugged?.[0] } });
  });

  it.each([
    ['dynamics365', 'Microsoft Dynamics 365 Sales'],
    ['Microsoft Dynamics 365 Sales', 'Microsoft Dynamics 365 Sales'],
    ['MS Dynamics 365 Sales', 'Microsoft Dynamics 365 Sales'],
    ['salesforce', 'Salesforce'],
    ['teamleader', 'Teamleader'],
    ['hubspot', 'HubSpot'],
  ])('finds an integration that cannot delete by %s', (slug, name) => {
    expect(findIntegration(slug)).toEqual({ kind: 'unsupported', name });
  });

  it('that is in no table is unknown', () => {
    const unknownNames = fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => `${text} x9`),
      fc.constantFrom('', ' ', '__proto__', 'constructor', 'Clo', 'Closer', 'Zoho', 'Zoho Desk'),
    );
    fc.assert(
      fc.property(unknownNames, (name) => {
        expect(findIntegration(name)).toEqual({ kind: 'unknown' });
      }),
    );
    expect(findIntegration(undefined)).toEqual({ kind: 'unknown' });
  });
});
