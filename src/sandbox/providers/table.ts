import { affinity } from './affinity.ts';
import { capsule } from './capsule.ts';
import { close } from './close.ts';
import { copper } from './copper.ts';
import { freshsales } from './freshsales.ts';
import { highlevel } from './highlevel.ts';
import { hubspot } from './hubspot.ts';
import { keap } from './keap.ts';
import { mondayCrm } from './monday-crm.ts';
import { onepagecrm } from './onepagecrm.ts';
import { pipedrive } from './pipedrive.ts';
import { pipeliner } from './pipeliner.ts';
import { planhat } from './planhat.ts';
import type { Provider } from './provider.ts';
import { zendeskSell } from './zendesk-sell.ts';
import { zohoCrm } from './zoho-crm.ts';

const providersByLabel = new Map<string, Provider>(
  [
    affinity,
    capsule,
    close,
    copper,
    freshsales,
    highlevel,
    keap,
    mondayCrm,
    onepagecrm,
    pipedrive,
    pipeliner,
    planhat,
    zendeskSell,
    zohoCrm,
    hubspot,
  ].map((provider) => [provider.label, provider]),
);

/** The imitated CRM behind an integration, by the integration's label. Throws for a label it does not know. */
export function findProvider(label: string): Provider {
  const provider = providersByLabel.get(label);
  if (provider === undefined) {
    throw new RangeError(`The sandbox does not imitate ${JSON.stringify(label)}`);
  }
  return provider;
}
