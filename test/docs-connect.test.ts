import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { sandboxAccount, sandboxToken } from '../src/sandbox/accounts.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/server.ts';
import { connectBlocks } from './docs/markdown.ts';
import { shared } from './support/shared.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A value for each `NAME=...` that the README leaves to its reader. */
const values: Record<string, string> = {
  TRUTO_API_TOKEN: sandboxToken,
  JWT_SECRET: 'a-secret-of-more-than-thirty-two-characters',
  ACCOUNT: sandboxAccount('Capsule').id,
};

function commandsWith(text: string): string {
  const block = connectBlocks.find((each) => each.text.includes(text));
  if (!block) throw new Error(`The README has no block with ${text}`);
  return block.text.replace(/(\w+)=\.\.\./g, (_, name) => `${name}='${values[name]}'`);
}

/** Runs a block that starts the server, as its reader would, over the sandbox instead of Truto. */
async function startBy(commands: string, upstream: Sandbox) {
  const child = spawn('bash', ['-c', commands], {
    cwd: root,
    env: { PATH: process.env.PATH, PORT: '0', TRUTO_BASE_URL: upstream.url },
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    if (output.includes('"msg":"listening"')) break;
  }
  const [, endpoint = ''] = /"url":"([^"]+)"/.exec(output) ?? [];
  return {
    endpoint,
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      process.kill(-(child.pid ?? 0), 'SIGKILL');
      await exited;
    },
  };
}

async function ask(commands: string, endpoint: string): Promise<unknown> {
  const script = commands.replace('http://127.0.0.1:4000/graphql', endpoint);
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: root });
  return JSON.parse(stdout);
}

const upstream = await shared(startSandbox({}));

describe('the commands of the README that connect to Truto', () => {
  const read = commandsWith('curl');
  const three = { data: { engagements: { nodes: [1, 2, 3].map(() => ({ id: expect.any(String) })) } } };

  it("read engagements with the caller's own Truto token in passthrough mode", async () => {
    await using server = await startBy(commandsWith('AUTH_MODE=passthrough'), upstream);
    expect(await ask(`export TOKEN=${sandboxToken}\n${read}`, server.endpoint)).toMatchObject(three);
    expect(await ask(`export TOKEN=another\n${read}`, server.endpoint)).toHaveProperty('errors');
  });

  it('read engagements with a signed token in service mode', async () => {
    await using server = await startBy(commandsWith('AUTH_MODE=service'), upstream);
    const sign = commandsWith('SignJWT');
    expect(await ask(`${sign}\n${read}`, server.endpoint)).toMatchObject(three);
    expect(await ask(`export TOKEN=${sandboxToken}\n${read}`, server.endpoint)).toHaveProperty('errors');
  });
});
