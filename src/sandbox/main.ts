import { sandboxToken } from './accounts.ts';
import { describeSamples, sampleEngagements } from './seed.ts';
import { type Sandbox, startSandbox } from './server.ts';

// The sandbox alone, at `HOST` (127.0.0.1) and `PORT` (4010; 0 takes any), with `SANDBOX_ENGAGEMENTS` (30) for each account.
// `SANDBOX_LIMITS=1` refuses requests beyond Truto's own limits. SIGINT or SIGTERM ends it.

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

const { HOST, PORT, SANDBOX_ENGAGEMENTS: count, SANDBOX_LIMITS } = process.env;
// Blank ones are not set: a blank host would be every address of this machine.
const host = HOST?.trim() || '127.0.0.1';
const port = PORT?.trim() || '4010';

function describeFailure(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
    return `another program uses the port. End that program, or take another port: PORT=${Number(port) + 1} npm run sandbox`;
  return error instanceof Error ? error.message : String(error);
}

try {
  const sandbox = await startSandbox({
    host,
    port: Number(port),
    keepsLimits: SANDBOX_LIMITS === '1',
    ...(count && { engagementsPerAccount: Number(count) }),
  });
  const end = () => void sandbox.close();
  // Each time: npm passes on a signal that the whole process group got, and the second must not kill.
  process.on('SIGINT', end).on('SIGTERM', end);
  process.stdout.write(describe(sandbox));
} catch (error) {
  process.stderr.write(`The sandbox cannot start on ${host}:${port}: ${describeFailure(error)}\n`);
  process.exitCode = 1;
}
