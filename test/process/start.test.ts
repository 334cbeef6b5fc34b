import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('npm start', () => {
  it('prints where it listens, what it is connected to, and a delete that can be pasted', async () => {
    const child = spawn('npm', ['start'], { cwd: root, env: { ...process.env, PORT: '0' }, detached: true });
    let output = '';
    for await (const chunk of child.stdout) {
      output += chunk;
      if (output.includes('"msg":"listening"')) break;
    }
    expect(output).toMatch(/http:\/\/127\.0\.0\.1:\d+\/graphql/);
    expect(output).toContain('embedded sandbox');
    const command = /^ {2}(curl .*)$/m.exec(output)?.[1] ?? '';
    const { stdout } = await promisify(execFile)('bash', ['-c', command]);
    expect(JSON.parse(stdout).data.deleteEngagement).toMatchObject({
      __typename: 'DeleteEngagementSuccess',
      outcome: 'DELETED',
    });
    process.kill(-(child.pid ?? 0), 'SIGTERM');
    await once(child, 'exit');
  });
});
