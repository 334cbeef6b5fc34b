import { STATUS_CODES } from 'node:http';
import { mapNothing, type Provider } from './provider.ts';

const idCharacters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** DELETE /calendars/events/{id} for meetings, /contacts/{contact}/notes/{id} for notes. [vendor] */
export const highlevel: Provider = {
  label: 'Highlevel',
  seededTypes: ['meeting', 'note'],
  // 100 in 10 seconds [vendor]; the daily limit is not what Truto's headers speak of.
  rateLimit: { limit: 100, windowSeconds: 10 },
  deletion: {
    // Both [vendor]: an event answers 201, a note 200 with a misspelt key.
    answer: (record) =>
      record.engagement_type === 'meeting'
        ? { status: 201, body: { succeeded: true } }
        : { status: 200, body: { succeded: true } },
    map: mapNothing,
  },
  createId: (_kind, random) => random.text(idCharacters, 20),
  showEngagement: (record) => ({
    id: record.id,
    contactId: record.contact?.[0]?.id ?? null,
    assignedUserId: record.owner?.id ?? null,
    title: record.subject ?? null,
    body: record.content ?? null,
    appointmentStatus: record.status ?? null,
    startTime: record.start_time ?? null,
    endTime: record.end_time ?? null,
    dateAdded: record.created_at ?? null,
    dateUpdated: record.updated_at ?? null,
  }),
  // 400, 401 and 422 are [vendor], where 422 has a list of messages; a 404 in the same form is [inferred].
  describeFailure: ({ statusCode, message }) => ({
    statusCode,
    message: statusCode === 422 ? [message] : message,
    ...(statusCode !== 400 && { error: STATUS_CODES[statusCode] }),
  }),
};
