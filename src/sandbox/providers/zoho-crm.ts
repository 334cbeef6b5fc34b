import { mapIdOnly, type Provider } from './provider.ts';

/** Codes by status: 401, 403 and INVALID_DATA are [vendor], the others [inferred]. */
const errorCodes: ReadonlyMap<number, string> = new Map([
  [401, 'INVALID_TOKEN'],
  [403, 'NO_PERMISSION'],
  [404, 'INVALID_DATA'],
  [422, 'INVALID_DATA'],
  [429, 'TOO_MANY_REQUESTS'],
]);

/** DELETE /crm/v8/{Calls,Events}/{id}: the type picks the module. [vendor] */
export const zohoCrm: Provider = {
  label: 'Zoho CRM',
  seededTypes: ['call', 'meeting'],
  deletion: {
    // 200 [vendor].
    answer: (record) => ({
      status: 200,
      body: { data: [{ code: 'SUCCESS', details: { id: record.id }, message: 'record deleted', status: 'success' }] },
    }),
    map: mapIdOnly,
  },
  // 18 or 19 digits [vendor]: too long for a JavaScript number, so always a string.
  createId: (_kind, random) => `1386586${random.text('0123456789', 12)}`,
  showEngagement: (record) => ({
    data: [
      {
        id: record.id,
        [record.engagement_type === 'call' ? 'Subject' : 'Event_Title']: record.subject ?? null,
        Description: record.content ?? null,
        Owner: record.owner ?? null,
        Who_Id: record.contact?.[0] ?? null,
        What_Id: record.account ?? null,
        Start_DateTime: record.start_time ?? null,
        End_DateTime: record.end_time ?? null,
        Call_Type: record.direction ?? null,
        Created_Time: record.created_at ?? null,
        Modified_Time: record.updated_at ?? null,
      },
    ],
  }),
  // The form is [vendor]. Zoho itself sends an unknown id under HTTP 400; Truto's own status for it is NOT FOUND, and
  // the sandbox says 404 for every provider.
  describeFailure: ({ statusCode, message }) => ({
    data: [
      {
        code: errorCodes.get(statusCode) ?? 'INTERNAL_ERROR',
        details: {},
        message: statusCode === 404 ? 'the id given seems to be invalid' : message,
        status: 'error',
      },
    ],
  }),
};
