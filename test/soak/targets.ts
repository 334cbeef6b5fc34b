import { sandboxAccounts } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';

/** One engagement to delete, by its arguments in GraphQL. */
export interface Target {
  readonly id: string;
  readonly account: string;
  /** Null where the integration does not require it. */
  readonly type: string | null;
}

const deletingAccounts = sandboxAccounts.filter(({ rule }) => rule !== undefined);

/** How many engagements each account needs, so that there are enough to delete. */
export function engagementsNeeded(count: number): number {
  return Math.ceil(count / deletingAccounts.length);
}

/** That many different engagements, from all accounts that can delete, in turn. */
export function listTargets(count: number): readonly Target[] {
  const perAccount = engagementsNeeded(count);
  const columns = deletingAccounts.map((account) =>
    seedEngagements(account, perAccount).map(({ id, engagement_type: type }) => {
      return { id, account: account.id, type: account.rule?.requiresEngagementType ? type.toUpperCase() : null };
    }),
  );
  const rows = Array.from({ length: perAccount }, (_, row) => columns.flatMap((column) => column[row] ?? []));
  return rows.flat().slice(0, count);
}
