import { describe, expect, it } from 'vitest';
import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { runInTerminal } from '../support/cli-terminal.ts';
import { runAtTerminal } from '../support/run-cli.ts';
import { shared } from '../support/shared.ts';

const token = 'canary-token-of-the-terminal';
const capsule = sandboxAccount('Capsule');
const account = ['--account', capsule.id];
const ids = seedEngagements(capsule).map(({ id }) => id);

const sandbox = await shared(startSandbox({ token }));
const env = { TRUTO_BASE_URL: sandbox.url, TRUTO_API_TOKEN: token };

function deleteAndType(id: string, keys: string, ...args: string[]) {
  return runInTerminal(['delete', id, ...account, ...args], env, { typed: [['[y/N]', keys]] });
}

describe('a delete at a terminal', () => {
  it.each([
    ['y', 0],
    ['YES ', 1],
  ])('asks with the id, the account and the integration, and is done after %j', async (answer, index) => {
    const id = ids[index] ?? '';
    const { code, shown } = await deleteAndType(id, `${answer}\n`);
    const [question = ''] = shown.split('[y/N]');
    for (const part of [id, capsule.id, 'Capsule']) expect(question).toContain(part);
    expect(shown).toMatch(new RegExp(`^${id} +deleted\\r?$`, 'm'));
    expect([code, sandbox.wasDeleted(capsule.id, id)]).toEqual([0, true]);
  });

  it.each([
    ['no', 'n\n'],
    ['an empty line', '\n'],
    ['another word', 'yesterday\n'],
    ['Ctrl-D', '\x04'],
    ['Ctrl-C', '\x03'],
  ])('is not sent after %s, says so, and ends with 4', async (_what, keys) => {
    const id = ids[2] ?? '';
    const { code, shown } = await deleteAndType(id, keys);
    expect(shown).toMatch(new RegExp(`^${id} +NotSent: `, 'm'));
    expect([code, sandbox.wasDeleted(capsule.id, id)]).toEqual([4, false]);
  });

  it('is asked for where it can be seen, also when standard error goes elsewhere', async () => {
    const id = ids[9] ?? '';
    const typed = [['[y/N]', 'y\n']] as const;
    const { code } = await runInTerminal(['delete', id, ...account], env, { typed, errorTo: '/dev/null' });
    expect([code, sandbox.wasDeleted(capsule.id, id)]).toEqual([0, true]);
  });

  it.each([
    ['--yes', ['--yes'], true],
    ['--dry-run', ['--dry-run'], false],
  ])('asks nothing with %s', async (_option, args, isDeleted) => {
    const id = ids[isDeleted ? 3 : 8] ?? '';
    const { code, shown } = await runAtTerminal(['delete', id, ...account, ...args], env);
    expect(shown).not.toContain('[y/N]');
    expect([code, sandbox.wasDeleted(capsule.id, id)]).toEqual([0, isDeleted]);
  });

  it.each([
    ['standard input is no terminal', { inputFrom: '/dev/null' }],
    ['standard output is no terminal', { pipeTo: 'cat' }],
  ])('asks nothing where %s', async (_where, options) => {
    const id = ids['pipeTo' in options ? 4 : 5] ?? '';
    const { code, shown } = await runInTerminal(['delete', id, ...account], env, options);
    expect(shown).not.toContain('[y/N]');
    expect([code, sandbox.wasDeleted(capsule.id, id)]).toEqual([0, true]);
  });

  it('prints JSON with --json, and with --snapshot, where the line is all that is left of the record', async () => {
    for (const [index, option] of [
      [6, '--json'],
      [7, '--snapshot'],
    ] as const) {
      const { shown } = await runAtTerminal(['delete', ids[index] ?? '', ...account, '--yes', option], env);
      expect(JSON.parse(shown)).toMatchObject({ result: 'DeleteEngagementSuccess' });
    }
  });

  it('prints the member and each issue of a refusal once', async () => {
    const zoho = sandboxAccount('Zoho CRM');
    const { code, shown } = await runAtTerminal(['delete', 'e1', '--account', zoho.id, '--yes'], env);
    expect(shown).toMatch(/^e1 {2}InvalidInputError: /);
    expect(shown.split('engagementType: ')).toHaveLength(2);
    expect(code).toBe(3);
  });

  it.each([
    ['a missing type', 'e1', sandboxAccount('Zoho CRM').id, 'engagementType'],
    ['an id that cannot be one', '..', capsule.id, 'id'],
  ])('asks nothing about %s, and says what is wrong', async (_what, id, accountId, name) => {
    const { code, shown } = await runAtTerminal(['delete', id, '--account', accountId], env);
    expect(shown).toContain(`${id}  InvalidInputError: Nothing was sent. ${name}: `);
    expect(shown).not.toContain('[y/N]');
    expect(code).toBe(3);
  });

  it('says what a plan would send, and what is in its way', async () => {
    const zoho = sandboxAccount('Zoho CRM');
    const { code, shown } = await runAtTerminal(['delete', 'e1', '--account', zoho.id, '--dry-run'], env);
    expect(shown).toContain(`would be refused: DELETE ${sandbox.url}/unified/crm/engagements/e1`);
    expect(shown).toMatch(/^ {2}refusal: engagementType: /m);
    expect(code).toBe(3);
  });
});
