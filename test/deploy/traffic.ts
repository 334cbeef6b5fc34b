import { sandboxAccount } from '../../src/sandbox/accounts.ts';
import { seedEngagements } from '../../src/sandbox/seed.ts';
import type { TestFacade } from '../support/facade.ts';
import { removal } from '../support/keyed-delete.ts';

/** The configuration that the traffic is made for: Truto's pause is longer than an operation may take. */
export const trafficEnv = { REQUEST_TIMEOUT_MS: '5000', TRUTO_WEBHOOK_SECRETS: 'a'.repeat(32) };

/**
 * Sends a facade over the sandbox what gives each of its metrics a sample: deletes of every kind of end, a create, reads, an event, refusals.
 * @returns how many deletes that were.
 */
export async function sendTraffic({ url, post }: Pick<TestFacade, 'url' | 'post'>): Promise<number> {
  const [capsule, pipedrive] = [sandboxAccount('Capsule'), sandboxAccount('Pipedrive')];
  const real = seedEngagements(capsule).slice(0, 3);
  const deletes = [
    ...real.map(({ id }) => removal(id, '', capsule.id)),
    // Refused by a rule, by upstream, and of unknown outcome.
    ...['..', 'fault-409', 'fault-502'].map((id) => removal(id, '', capsule.id)),
    // Upstream wants a pause, and then there is one.
    ...['fault-429-truto', '1'].map((id) => removal(id, '', pipedrive.id)),
  ];
  for (const field of deletes) await post(`mutation { ${field} }`);
  await post(
    `mutation { createEngagement(integratedAccountId: "${pipedrive.id}", input: { engagementType: CALL }) { __typename } }`,
  );
  await post('{ integrations { name } }');
  await post(`{ engagement(id: "..", integratedAccountId: "${capsule.id}") { id } }`);
  await fetch(`${url}/graphql`, { method: 'PUT' });
  await fetch(`${url}/webhooks/truto`, { method: 'POST', body: '{}' });
  return deletes.length;
}
