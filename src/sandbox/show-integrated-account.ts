import type { SandboxAccount } from './accounts.ts';
import type { Answer } from './answer.ts';
import { injectFault } from './inject-fault.ts';
import { findAccount, type SandboxRequest } from './request.ts';

const connectedAt = '2026-01-02T08:00:00.000Z';

/** `GET /integrated-account/{id}`: which CRM is behind an account, under `integration.name`. */
export function showIntegratedAccount(request: SandboxRequest): Answer {
  return injectFault(request, undefined, () => ({
    kind: 'plain',
    status: 200,
    body: describeAccount(findAccount(request.id)),
  }));
}

/** The documented fields. `is_sandbox` is false, or Truto would refuse every write with a 405. */
function describeAccount(account: SandboxAccount): Readonly<Record<string, unknown>> {
  const { name } = account.integration;
  const serial = account.id.slice(-12);
  return {
    id: account.id,
    tenant_id: 'sandbox-tenant',
    environment_id: '00000000-0000-4000-9000-000000000001',
    environment_integration_id: `00000000-0000-4000-a000-${serial}`,
    status: 'active',
    is_sandbox: false,
    authentication_method: 'oauth2',
    region: 'wnam',
    context: {},
    last_error: null,
    last_action_result: null,
    last_forbidden_error: null,
    integration: { id: `00000000-0000-4000-b000-${serial}`, name, category: 'crm' },
    unified_model_override: {},
    created_at: connectedAt,
    updated_at: connectedAt,
  };
}
