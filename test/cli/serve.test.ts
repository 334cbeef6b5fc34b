import { describe, expect, it } from 'vitest';
import { spawnCli, startCli } from '../support/cli-process.ts';

/** The first match of what a command prints. */
async function printed({ child, stdout, end }: ReturnType<typeof startCli>, pattern: RegExp): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => pattern.test(stdout()) && resolve());
    end.then(({ stderr }) => reject(new Error(`it ended before:\n${stderr}`)), reject);
  });
  return pattern.exec(stdout())?.[1] ?? '';
}

describe('truto-engagements serve', () => {
  it('serves like npm start, and drains and ends with 0 on SIGTERM', async () => {
    const server = startCli(['serve'], { PORT: '0' });
    const endpoint = await printed(server, /"url":"([^"]+)".*"msg":"listening"/);
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ query: '{ integrations { name } }' });
    const answer = await fetch(endpoint, { method: 'POST', headers, body });
    expect((await answer.json()).data.integrations).toHaveLength(14);
    server.child.kill('SIGTERM');
    expect((await server.end).code).toBe(0);
  });

  it('does not start on a bad configuration, and ends with 1', async () => {
    const { code, stderr } = await spawnCli(['serve'], { PORT: 'canary' });
    expect(stderr).toMatch(/PORT must be/);
    expect(code).toBe(1);
  });

  it('starts over the sandbox when TRUTO_API_TOKEN is set, and one line says what that is for', async () => {
    const server = startCli(['serve'], { PORT: '0', TRUTO_API_TOKEN: 'canary-token-of-the-terminal' });
    await printed(server, /("msg":"listening")/);
    expect(server.stdout().match(/TRUTO_API_TOKEN is ignored.*AUTH_MODE=service/g)).toHaveLength(1);
    expect(server.stdout()).toContain('nothing real is deleted');
    server.child.kill('SIGTERM');
    expect((await server.end).code).toBe(0);
  });
});

describe('truto-engagements sandbox', () => {
  it("answers Truto's routes on its own port, and ends with 0 on SIGTERM", async () => {
    const sandbox = startCli(['sandbox'], { PORT: '0' });
    const url = await printed(sandbox, /listens on (\S+)\n[\s\S]*Try:/);
    expect((await fetch(`${url}/unified/crm/engagements`)).status).toBe(401);
    sandbox.child.kill('SIGTERM');
    expect((await sandbox.end).code).toBe(0);
  });

  it.each(['', ' '])('listens on loopback when HOST is blank (%j), as in an .env', async (host) => {
    const sandbox = startCli(['sandbox'], { PORT: '0', HOST: host });
    const url = await printed(sandbox, /listens on (\S+)\n/);
    expect(new URL(url).hostname).toBe('127.0.0.1');
    sandbox.child.kill('SIGTERM');
    await sandbox.end;
  });
});
