import { sandboxAccounts } from './accounts.ts';
import { seedEngagements } from './seed.ts';

/** The first engagement of an account of the sandbox. */
export interface SandboxSample {
  readonly integration: string;
  readonly accountId: string;
  readonly engagementType: string;
  readonly engagementId: string;
}

/** One engagement of each account, in the order of the accounts. */
export function sampleEngagements(): readonly SandboxSample[] {
  return sandboxAccounts.flatMap((account) => {
    const [engagement] = seedEngagements(account);
    if (engagement === undefined) return [];
    const { id: engagementId, engagement_type: engagementType } = engagement;
    return [{ integration: account.integration.label, accountId: account.id, engagementType, engagementId }];
  });
}

/** The samples as a table for people. */
export function describeSamples(samples: readonly SandboxSample[]): string {
  const head = {
    ...{ integration: 'integration', accountId: 'integrated account id' },
    ...{ engagementType: 'type', engagementId: 'engagement id' },
  };
  return [head, ...samples]
    .map(({ integration, accountId, engagementType, engagementId }) =>
      ['', '', integration.padEnd(13), accountId.padEnd(37), engagementType.padEnd(8), engagementId].join(' '),
    )
    .join('\n');
}
