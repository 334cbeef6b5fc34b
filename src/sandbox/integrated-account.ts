import type { Answer } from './answer.ts';
import { injectFault } from './inject-fault.ts';
import { findAccount, type SandboxRequest } from './request.ts';

const connectedAt = '2026-01-02T08:00:00.000Z';

/**
 * `GET /integrated-account/{id}`: the CRM behind an account, under `integration.name`, and the other documented fields.
 * `is_sandbox` is false, or Truto would refuse every write with a 405.
 */
export function showIntegratedAccount(request: SandboxRequest): Answer {
  return injectFault(request, undefined, () => {
    const { id, integration } = findAccount(request.id);
    const serial = id.slice(-12);
    const body = {
      id,
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
      integration: { id: `00000000-0000-4000-b000-${serial}`, name: integration.name, category: 'crm' },
      unified_model_override: {},
      created_at: connectedAt,
      updated_at: connectedAt,
    };
    return { kind: 'plain', status: 200, body };
  });
}
