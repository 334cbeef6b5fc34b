import { type Config, parseSettings } from '../config/config.ts';
import { readTexts } from '../config/settings.ts';
import { sandboxToken } from './accounts.ts';
import { describeSamples, sampleEngagements } from './seed.ts';
import { type Sandbox, startSandbox } from './server.ts';

// The sandbox alone, until SIGINT or SIGTERM. Its settings are in docs/sandbox.md.

function describe({ url }: Sandbox): string {
  const samples = sampleEngagements();
  const [{ accountId, engagementType, engagementId } = {}] = samples;
  return [
    `The Truto sandbox listens on ${url}`,
    `Bearer token: ${sandboxToken}`,
    '',
    describeSamples(samples),
    '',
    'Try:',
    `curl -X DELETE -H 'authorization: Bearer ${sandboxToken}' \\`,
    `  '${url}/unified/crm/engagements/${engagementId}?integrated_account_id=${accountId}&engagement_type=${engagementType}'`,
    '',
  ].join('\n');
}

/** The sandbox's own settings, by the rules of the server's. Its port has another default. */
function readConfig(): Config {
  const texts = readTexts(process.env);
  const isOurs = (name: string) =>
    /^(HOST|PORT|SANDBOX_\w+)$/.test(name) || (name === 'TRUTO_WEBHOOK_SECRETS' && texts.SANDBOX_WEBHOOK_URL);
  const given = Object.entries(texts).filter(([name]) => isOurs(name));
  return parseSettings({ SANDBOX: true, PORT: 4010, ...Object.fromEntries(given) });
}

async function run(): Promise<void> {
  const { host, port, sandbox: options } = readConfig();
  const sandbox = await startSandbox({ host, port, ...options }).catch((error: NodeJS.ErrnoException) => {
    const isUsed = error.code === 'EADDRINUSE';
    const use = `another program uses the port. End that program, or take another port: PORT=${port + 1} npm run sandbox`;
    throw new Error(`The sandbox cannot start on ${host}:${port}: ${isUsed ? use : error.message}`);
  });
  const end = () => void sandbox.close();
  // Each time: npm passes on a signal that the whole process group got, and the second must not kill.
  process.on('SIGINT', end).on('SIGTERM', end);
  process.stdout.write(describe(sandbox));
}

await run().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
