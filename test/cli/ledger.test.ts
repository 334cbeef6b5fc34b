import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLedger } from '../../src/cli/ledger.ts';
import { closing } from '../support/closing.ts';
import { jsonLines } from '../support/json-lines.ts';

const key = '["account","call","7"]';
const other = '["account","call","8"]';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const file = () => join(folder, 'restored.jsonl');
const lockFile = () => `${file()}.lock`;

const endedPid = () => spawnSync(process.execPath, ['--version']).pid;

describe('the ledger of a folder', () => {
  it('has each event in the next run', async () => {
    const first = await openLedger(folder, false);
    await first.write(key, 'begun');
    await first.write(key, 'refused');
    await first.write(key, 'begun');
    await first.write(other, 'begun');
    await first.write(other, 'restored', '99');
    await first.close();
    await using second = closing(await openLedger(folder, false));
    expect(second.find(key)).toMatchObject({ event: 'begun', refusalCount: 1 });
    expect(second.find(other)).toMatchObject({ event: 'restored', newId: '99' });
    expect(second.find('["account","call","9"]')).toBeUndefined();
  });

  it('knows which new ids are taken, by account and type', async () => {
    await using ledger = closing(await openLedger(folder, false));
    await ledger.write(key, 'restored', '99');
    expect(ledger.isTaken('99', other)).toBe(true);
    expect(ledger.isTaken('99', key)).toBe(false);
    expect(ledger.isTaken('99', '["account","meeting","8"]')).toBe(false);
  });

  it('removes a last line that is incomplete, and continues after it', async () => {
    const first = await openLedger(folder, false);
    await first.write(key, 'begun');
    await first.close();
    appendFileSync(file(), '{"key":"[\\"acc');
    const second = await openLedger(folder, false);
    await second.write(key, 'restored', '99');
    await second.close();
    expect(jsonLines(readFileSync(file(), 'utf8')).map(({ event }) => event)).toEqual(['begun', 'restored']);
  });

  it('is not used when an earlier line is damaged: it may say that a record is restored', async () => {
    writeFileSync(file(), '{"key":"[\\"acc\n');
    await expect(openLedger(folder, false)).rejects.toThrow(/Line 1 .*damaged.*Nothing was sent/);
    expect(existsSync(lockFile())).toBe(false);
  });

  it('leaves a file alone that is none of its own, and whose only line has no line break', async () => {
    const text = '{"integratedAccountId":"a","engagement":{"id":"7"}}';
    writeFileSync(file(), text);
    await expect(openLedger(folder, false)).rejects.toThrow(/Line 1 .*damaged.*Nothing was sent/);
    expect(readFileSync(file(), 'utf8')).toBe(text);
  });

  it('writes nothing when it is only read', async () => {
    const ledger = await openLedger(folder, true);
    expect(ledger.find(key)).toBeUndefined();
    await ledger.close();
    expect([existsSync(file()), existsSync(lockFile())]).toEqual([false, false]);
  });

  it('cannot be opened where it cannot be written', async () => {
    await expect(openLedger(join(folder, 'missing'), false)).rejects.toThrow(/ENOENT.*Nothing was sent/);
  });
});

describe('the lock of a ledger', () => {
  it('refuses a second run at the same time', async () => {
    const first = await openLedger(folder, false);
    await expect(openLedger(folder, false)).rejects.toThrow(/Another restore.*Nothing was sent/);
    await first.close();
    await (await openLedger(folder, false)).close();
    expect(existsSync(lockFile())).toBe(false);
  });

  it('is taken over from a process that has ended, by one run only', async () => {
    writeFileSync(lockFile(), `${endedPid()} ${hostname()}`);
    const runs = await Promise.allSettled(Array.from({ length: 8 }, () => openLedger(folder, false)));
    const opened = runs.flatMap((run) => (run.status === 'fulfilled' ? [run.value] : []));
    expect(opened).toHaveLength(1);
    await opened[0]?.close();
    expect(existsSync(`${lockFile()}.takeover`)).toBe(false);
  });

  it('is taken over by one of several processes', async () => {
    writeFileSync(lockFile(), `${endedPid()} ${hostname()}`);
    const program = `const { openLedger } = await import('./src/cli/ledger.ts');
      process.stdout.write('ready\\n');
      process.stdin.once('data', () => openLedger(${JSON.stringify(folder)}, false).then(
        () => process.stdout.write('opened\\n'), () => process.stdout.write('refused\\n')));
      process.stdin.once('end', () => process.exit());`;
    const children = Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
    });
    for (const { lines } of children) expect((await lines.next()).value).toBe('ready');
    for (const { child } of children) child.stdin.write('open\n');
    const ends = await Promise.all(children.map(async ({ lines }) => (await lines.next()).value));
    for (const { child } of children) child.stdin.end();
    expect(ends.sort()).toEqual(['opened', 'refused', 'refused', 'refused']);
    await Promise.all(children.map(({ child }) => child.exitCode ?? once(child, 'exit')));
  });

  it('is taken over from an earlier process that had the number of this one', async () => {
    writeFileSync(lockFile(), `${process.pid} ${hostname()}`);
    await (await openLedger(folder, false)).close();
  });

  it.each([
    ['another host', () => `${endedPid()} elsewhere`],
    ['an owner that is still writing it', () => ''],
  ])('is not taken over from %s', async (_owner, text) => {
    writeFileSync(lockFile(), text());
    await expect(openLedger(folder, false)).rejects.toThrow(/Another restore/);
    expect(existsSync(lockFile())).toBe(true);
  });
});
