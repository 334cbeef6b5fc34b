import { createEngagement } from '../../engagement/create/create-engagement.ts';
import { argumentOf, type EngagementFields, writableFieldNames } from '../../engagement/create/input.ts';
import { requiringTypeOnCreate } from '../../engagement/integrations.ts';
import { inputType, rootField, upstreamRequestCost } from '../core/builder.ts';
import { callerKeyOf, requireCaller } from '../core/context.ts';
import { readCreatedSelection } from '../core/selection.ts';
import { fieldError } from '../core/top-level-errors.ts';
import { CreateEngagementResult } from '../types/result.ts';
import { rawType, trutoQuery } from '../types/values.ts';

inputType('PhoneNumberInput: A phone number of a new engagement.', {
  number: 'String!: The number. It must have a digit.',
  extension: 'String: The extension to dial after the number.',
  type: 'String: The type, as the provider names it, such as `mobile`.',
});

const CreateEngagementInput = inputType(
  'CreateEngagementInput: The fields of a new engagement: at least one. Providers support different fields; Truto\'s "Create Engagement" page shows which. Together at most 256 KiB.',
  {
    engagementType: `EngagementType: The type. Truto documents \`CALL\` and \`MEETING\`; others are sent with a warning. ${requiringTypeOnCreate} require one of the two.`,
    rawEngagementType: `${rawType} It is in the body only.`,
    subject: 'String: The subject line or title.',
    content: 'String: The text, such as the body of an email.',
    direction:
      'String: Who started a call: `inbound`, `outbound` or, for some integrations, `missed`. With another type than `CALL` it is refused.',
    internalNotes: 'String: Notes for the team only.',
    status: 'String: The status, as the provider names it, such as `completed`.',
    startTime:
      'String: When it starts or started: a date-time with an offset, such as `2026-01-31T09:00:00Z`. Another form is sent with a warning.',
    endTime: 'String: When it ends or ended, like `startTime`, and not before it.',
    duration: "String: How long it takes or took, in the provider's own unit and format.",
    owner: 'RecordReferenceInput: The user it belongs to.',
    account: 'RecordReferenceInput: The company (CRM account) it is with; not the integrated account.',
    project: 'RecordReferenceInput: The project it is about.',
    contacts: '[RecordReferenceInput!]: The people it is with.',
    opportunities: '[RecordReferenceInput!]: The deals it is about.',
    leads: '[RecordReferenceInput!]: The leads it is about.',
    phoneNumbers: '[PhoneNumberInput!]: The phone numbers involved.',
    customFields: 'JSONObject: Custom fields of the CRM, by name.',
    remoteData: "JSONObject: Further data for the provider's own API, passed on unchanged.",
  },
);

/** The fields of the input by wire names. */
function wireFieldsOfInput(given: Readonly<Record<string, unknown>>): EngagementFields {
  return Object.fromEntries(
    writableFieldNames.flatMap((field) => {
      const value = given[argumentOf(field)] ?? null;
      return value === null ? [] : [[field, value] as const];
    }),
  );
}

rootField('mutation', 'createEngagement', {
  type: CreateEngagementResult,
  cost: upstreamRequestCost,
  description:
    'Creates one engagement and returns the outcome. It is sent to Truto once: after an unclear answer, the server searches for the engagement instead of sending it again. Send an `Idempotency-Key` header (or `extensions.idempotencyKey` in the request) to make a retry safe: for 10 minutes, the same key returns the first result. After a refusal, it sends the create again.',
  args: {
    integratedAccountId: "ID!: Truto's id of the integrated account to create the engagement in.",
    input: { type: CreateEngagementInput, required: true, description: 'The fields of the new engagement.' },
    trutoQuery,
    dryRun:
      'Boolean! = false: Creates nothing. Returns the request that would be sent, and every reason why it would be refused. Looks up the account.',
  },
  async resolve(_root, { integratedAccountId, input, trutoQuery, dryRun }, context, info) {
    const { deadlineAt, hasCallerLeft } = context;
    const selected = readCreatedSelection(info);
    const callerKey = callerKeyOf(context, info.path.key);
    const options = { caller: requireCaller(context), selected, dryRun, callerKey, deadlineAt, hasCallerLeft };
    const { engagementType, rawEngagementType, remoteData } = input;
    // A documented type is no provider's own.
    const fields = wireFieldsOfInput({ ...input, engagementType: rawEngagementType });
    const given = { integratedAccountId, engagementType, fields, remoteData, trutoQuery };
    const result = await createEngagement(given, options, context);
    if (result.kind === 'Unauthenticated') throw fieldError('UNAUTHENTICATED', result.message);
    return result;
  },
});
