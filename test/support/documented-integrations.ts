/** Truto's "Delete Engagements" page, written out by hand: name, engagement_type, its values, other parameters. */
export const documented: readonly [string, '' | 'optional' | 'REQUIRED', string, string][] = [
  ['Affinity', 'REQUIRED', 'call email meeting chat', ''],
  ['Capsule', '', '', ''],
  ['Close', 'REQUIRED', 'call meeting note email', ''],
  ['Copper', '', '', ''],
  ['Freshsales', '', '', ''],
  ['Highlevel', '', '', ''],
  ['Keap', 'REQUIRED', 'email meeting', ''],
  ['Monday CRM', '', '', ''],
  ['OnePageCRM', 'REQUIRED', 'call meeting', ''],
  ['Pipedrive', '', '', ''],
  ['Pipeliner', 'REQUIRED', 'call email', 'sortBy'],
  ['Planhat', 'optional', 'call chat email meeting note', 'content subject createdAt status account contacts'],
  ['Zendesk Sell', '', '', ''],
  ['Zoho CRM', 'REQUIRED', 'call meeting', ''],
];

/** Integrations that list engagements but have no delete. */
export const withoutDelete = 'Microsoft Dynamics 365 Sales,HubSpot,Nutshell,Outreach,Salesforce,Teamleader,Wix'.split(
  ',',
);

/** The words of a cell of the table. None when it is empty. */
export function words(text: string): string[] {
  return text === '' ? [] : text.split(' ');
}
