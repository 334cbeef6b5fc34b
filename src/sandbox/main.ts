import { sandboxAccounts, sandboxToken } from './accounts.ts';
import { seedEngagements } from './seed.ts';
import { type Sandbox, startSandbox } from './server.ts';

// The sandbox alone, at `HOST` (127.0.0.1) and `PORT` (4010; 0 takes any), with `SANDBOX_ENGAGEMENTS` (30) for each account.
// `SANDBOX_LIMITS=1` makes it refuse what exceeds Truto's own limits. SIGINT or SIGTERM ends it.

function describe({ url }: Sandbox): string {
  const rows = sandboxAccounts.map((account) => {
    const [engagement] = seedEngagements(account);
    return [account.integration.label, account.id, engagement?.engagement_type ?? '', engagement?.id ?? ''];
  });
  const table = [['integration', 'integrated account id', 'type', 'an engagement id'], ...rows].map(
    ([label = '', id = '', type = '', engagementId = '']) =>
      `  ${label.padEnd(14)}${id.padEnd(38)}${type.padEnd(9)}${engagementId}`,
  );
  const [, accountId, type, engagementId] = rows[0] ?? [];
  return [
    `The Truto sandbox listens on ${url}`,
    `Bearer token: ${sandboxToken}`,
    '',
    ...table,
    '',
    'Try:',
    `  curl -X DELETE '${url}/unified/crm/engagements/${engagementId}?integrated_account_id=${accountId}&engagement_type=${type}' \\`,
    `    -H 'Authorization: Bearer ${sandboxToken}'`,
    '',
  ].join('\n');
}

const { HOST: host = '127.0.0.1', PORT: port = '4010', SANDBOX_ENGAGEMENTS: count, SANDBOX_LIMITS } = process.env;

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
  const reason = error instanceof Error ? error.message : error;
  process.stderr.write(`The sandbox cannot start on ${host}:${port}: ${reason}\n`);
  process.exitCode = 1;
}
