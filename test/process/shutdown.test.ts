import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fetchGraphQL } from '../support/fetch-graphql.ts';
import { startServerProcess } from '../support/server-process.ts';
import { startUpstream } from '../support/upstream.ts';

/** The server's settings: its upstream, and no limits, since a test sends many requests at once. */
const environment = (upstreamUrl: string) => ({
  TRUTO_BASE_URL: upstreamUrl,
  AUTH_MODE: 'passthrough',
  TRUTO_RATE_LIMITS: '0',
});

/** An upstream that receives requests and answers them when the test says so. */
async function startHoldingUpstream() {
  const answerNow = Promise.withResolvers<void>();
  const upstream = await startUpstream(async (_request, response) => {
    await answerNow.promise;
    response.end('{}');
  });
  return Object.assign(upstream, { answerNow: () => answerNow.resolve() });
}

function postDelete(endpoint: string, id: number, signal?: AbortSignal): Promise<Response> {
  return fetch(endpoint, {
    ...(signal && { signal }),
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer t' },
    body: JSON.stringify({ query: `mutation { deleteEngagement(id: ${id}, integratedAccountId: 2) { __typename } }` }),
  });
}

function postStreamedDelete(endpoint: string): Promise<Response> {
  const query = `mutation { deleteEngagement(id: 1, integratedAccountId: 2, format: STREAM) {
    ... on DeleteEngagementSuccess { outcome stream { chunks @stream } } } }`;
  return fetchGraphQL(endpoint, query, { headers: { accept: 'multipart/mixed', authorization: 'Bearer t' } });
}

const success = { data: { deleteEngagement: { __typename: 'DeleteEngagementSuccess' } } };
const signals = ['SIGTERM', 'SIGINT'] as const;
const rounds = [1, 2];

describe('R12 the server process', () => {
  it.each(signals.flatMap((signal) => rounds.map((round) => [signal, round] as const)))(
    'answers 50 deletes in flight on %s, takes nothing new, and exits with 0 (round %i)',
    async (signal) => {
      await using upstream = await startHoldingUpstream();
      await using server = await startServerProcess(environment(upstream.url));
      const ready = async () => (await fetch(new URL('/ready', server.endpoint))).status;
      let answeredCount = 0;
      const pending = Array.from({ length: 50 }, async (_, index) => {
        const answer = await postDelete(server.endpoint, index);
        answeredCount += 1;
        return answer;
      });
      await expect.poll(() => upstream.deletes().length).toBe(50);
      expect(await ready()).toBe(200);

      server.signal(signal);
      await expect.poll(() => server.output()).toContain('draining');
      expect(await ready()).toBe(503);
      expect((await postDelete(server.endpoint, 51)).status).toBe(503);
      expect(answeredCount).toBe(0);

      upstream.answerNow();
      const answers = await Promise.all(pending);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(answers.map(({ headers }) => headers.get('connection'))).toEqual(answers.map(() => 'close'));
      expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual(answers.map(() => success));
      expect(await server.exited).toBe(0);
      expect(server.output()).toContain('"msg":"stopped"');
      expect(upstream.deletes()).toHaveLength(50);
    },
  );

  it.each(signals.flatMap((first) => signals.map((second) => [second, first] as const)))(
    'exits with 1 at a second signal, %s after %s',
    async (second, first) => {
      await using upstream = await startHoldingUpstream();
      await using server = await startServerProcess(environment(upstream.url));
      const pending = postDelete(server.endpoint, 1).catch(() => 'cut off');
      await expect.poll(() => upstream.deletes().length).toBe(1);
      server.signal(first);
      await expect.poll(() => server.output()).toContain('draining');
      server.signal(second);
      expect(await server.exited).toBe(1);
      expect(await pending).toBe('cut off');
      expect(server.output()).not.toContain('"msg":"stopped"');
    },
  );

  it('logs the outcome of a delete whose client disconnected before the signal, and then exits with 0', async () => {
    await using upstream = await startHoldingUpstream();
    await using server = await startServerProcess(environment(upstream.url));
    const leaving = new AbortController();
    const left = postDelete(server.endpoint, 1, leaving.signal).catch(() => 'left');
    await expect.poll(() => upstream.deletes().length).toBe(1);
    leaving.abort();
    expect(await left).toBe('left');
    server.signal('SIGTERM');
    // For its clients the server is gone.
    const come = () => fetch(server.endpoint).then(({ status }) => status);
    await expect.poll(() => come().catch(() => 'refused')).toBe('refused');
    expect(server.output()).not.toContain('"msg":"delete"');

    upstream.answerNow();
    expect(await server.exited).toBe(0);
    expect(server.output()).toMatch(
      /"engagementId":"1","result":"DeleteEngagementSuccess","detail":"DELETED".*"msg":"delete"/,
    );
    expect(upstream.deletes()).toHaveLength(1);
  });

  it("ends a streamed body that is not complete after an operation's time, reports it, and exits with 0", async () => {
    // It is never quiet for as long as an operation may take: nothing else would end it.
    await using upstream = await startUpstream((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('drop'), 50);
      response.once('close', () => clearInterval(drip));
    });
    await using server = await startServerProcess({ ...environment(upstream.url), REQUEST_TIMEOUT_MS: '1000' });
    const response = await postStreamedDelete(server.endpoint);
    server.signal('SIGTERM');
    const text = await response.text();
    expect(text).toContain('"outcome":"DELETED"');
    expect(text).toContain('RESPONSE_INTERRUPTED');
    expect(text).toContain('"hasNext":false');
    expect(await server.exited).toBe(0);
  });
});

/** Runs a script of package.json by npm, in a process group of its own, until it says where it listens. */
async function startByNpm(script: string, env: Record<string, string>, says: RegExp) {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const child = spawn('npm', ['run', script], { cwd, env: { ...process.env, PORT: '0', ...env }, detached: true });
  const pid = child.pid ?? 0;
  // Its output is closed when all of its writers have ended: npm, its shell and the server.
  const allGone = once(child, 'close').then(([code]) => code as number | null);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  await expect.poll(() => output, { timeout: 20_000 }).toMatch(says);
  return {
    url: says.exec(output)?.[1] ?? '',
    output: () => output,
    allGone,
    signalNpm: (signal: NodeJS.Signals) => process.kill(pid, signal),
    /** What a terminal does at Ctrl-C, and systemd: npm passes its signal on, so that the server has it twice. */
    signalAll: (signal: NodeJS.Signals) => process.kill(-pid, signal),
    async [Symbol.asyncDispose]() {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // All processes have ended.
      }
      await allGone;
    },
  };
}

const listening = /"url":"([^"]+)".*"msg":"listening"/;

describe('R24 npm start', () => {
  it.each([
    ['npm alone', 'signalNpm', 'SIGTERM'],
    ['npm and all below it', 'signalAll', 'SIGTERM'],
    ['npm and all below it', 'signalAll', 'SIGINT'],
  ] as const)(
    'when %s (%s) gets a %s, has the server answer what is in flight, and ends with 0',
    async (_who, how, signal) => {
      await using upstream = await startHoldingUpstream();
      await using server = await startByNpm('start', environment(upstream.url), listening);
      const pending = postDelete(server.url, 1);
      await expect.poll(() => upstream.deletes().length).toBe(1);
      server[how](signal);
      await expect.poll(() => server.output()).toContain('draining');
      expect((await fetch(new URL('/ready', server.url))).status).toBe(503);
      upstream.answerNow();
      expect(await (await pending).json()).toEqual(success);
      expect(await server.allGone).toBe(0);
      await expect(fetch(server.url)).rejects.toThrow();
    },
  );

  it('ends the server at once at a second signal', async () => {
    await using upstream = await startHoldingUpstream();
    await using server = await startByNpm('start', environment(upstream.url), listening);
    const pending = postDelete(server.url, 1).catch(() => 'cut off');
    await expect.poll(() => upstream.deletes().length).toBe(1);
    server.signalNpm('SIGTERM');
    await expect.poll(() => server.output()).toContain('draining');
    server.signalNpm('SIGINT');
    expect(await pending).toBe('cut off');
    expect(await server.allGone).toBe(1);
  });

  it('ends npm run sandbox in the same way', async () => {
    await using sandbox = await startByNpm('sandbox', {}, /listens on (\S+)/);
    sandbox.signalNpm('SIGTERM');
    expect(await sandbox.allGone).toBe(0);
    await expect(fetch(sandbox.url)).rejects.toThrow();
  });
});

describe('R19 after an uncaught error, the server process', () => {
  const fatalLines = (output: string) =>
    output
      .split('\n')
      .filter((line) => line.startsWith('{"level":60'))
      .map((line) => JSON.parse(line));

  it.each([
    ['throw', 'thrown by the probe'],
    ['reject', 'rejected by the probe'],
  ] as const)('answers what is in flight, says what happened, and exits with 1 (%s)', async (how, message) => {
    await using upstream = await startHoldingUpstream();
    await using server = await startServerProcess(environment(upstream.url));
    const pending = postDelete(server.endpoint, 1);
    await expect.poll(() => upstream.deletes().length).toBe(1);

    server.fail(how);
    await expect.poll(() => fatalLines(server.output()).length).toBe(1);
    expect((await fetch(new URL('/ready', server.endpoint))).status).toBe(503);

    upstream.answerNow();
    expect(await (await pending).json()).toEqual(success);
    expect(await server.exited).toBe(1);
    const [line, ...others] = fatalLines(server.output());
    expect(others).toEqual([]);
    expect(line).toMatchObject({ errorId: expect.stringMatching(/^[0-9a-f-]{36}$/), err: { message } });
    expect(line.err.stack).toContain('process-probe.ts');
  });

  it('continues draining after another error, and after a signal to stop', async () => {
    await using upstream = await startHoldingUpstream();
    await using server = await startServerProcess(environment(upstream.url));
    const pending = postDelete(server.endpoint, 1);
    await expect.poll(() => upstream.deletes().length).toBe(1);
    for (const [index, how] of (['throw', 'reject', 'throw'] as const).entries()) {
      server.fail(how);
      await expect.poll(() => fatalLines(server.output()).length).toBe(index + 1);
    }
    server.signal('SIGTERM');
    await expect.poll(() => server.output()).toContain('"signal":"SIGTERM"');
    upstream.answerNow();
    expect(await (await pending).json()).toEqual(success);
    expect(await server.exited).toBe(1);
    const ids = fatalLines(server.output()).map(({ errorId }) => errorId);
    expect(new Set(ids).size).toBe(3);
  });

  it('ends although a client does not read its response', async () => {
    const body = Buffer.alloc(64 * 1024 * 1024, 'x');
    await using upstream = await startUpstream((_request, response) => response.end(body));
    await using server = await startServerProcess({ ...environment(upstream.url), REQUEST_TIMEOUT_MS: '1000' });
    const unread = await postStreamedDelete(server.endpoint);
    server.fail('throw');
    await expect.poll(() => fatalLines(server.output()).length).toBe(1);
    server.fail('reject');
    expect(await server.exited).toBe(1);
    await expect(unread.text()).rejects.toThrow('terminated');
  });
});
