import { createEngagement } from '../../engagement/create/create-engagement.ts';
import {
  argumentOf,
  type CreateEngagementInput as CreateEngagementFields,
  type EngagementFields,
  withRawType,
  writableFieldNames,
} from '../../engagement/create/input.ts';
import type { EngagementType as Type } from '../../engagement/input.ts';
import { requiringTypeOnCreate } from '../../engagement/integrations.ts';
import type { CreateEngagementResult as Result } from '../../engagement/result.ts';
import { builder, upstreamRequestCost } from '../core/builder.ts';
import { type Context, callerKeyOf, requireCaller } from '../core/context.ts';
import { readCreatedSelection } from '../core/selection.ts';
import { fieldError } from '../core/top-level-errors.ts';
import { CreateEngagementResult } from '../types/result.ts';
import { EngagementType, RecordReferenceInput, rawTypeOptions, trutoQueryOptions } from '../types/values.ts';

const PhoneNumberInput = builder.inputType('PhoneNumberInput', {
  description: 'A phone number of a new engagement.',
  fields: (t) => ({
    number: t.string({ required: true, description: 'The number. It must have a digit.' }),
    extension: t.string({ description: 'The extension to dial after the number.' }),
    type: t.string({ description: 'The type, as the provider names it, such as `mobile`.' }),
  }),
});

const CreateEngagementInput = builder.inputType('CreateEngagementInput', {
  description:
    'The fields of a new engagement: at least one. Providers support different fields; Truto\'s "Create Engagement" page shows which. Together at most 256 KiB.',
  fields: (t) => {
    const reference = (description: string) => t.field({ type: RecordReferenceInput, description });
    const references = (description: string) => t.field({ type: [RecordReferenceInput], description });
    return {
      engagementType: t.field({
        type: EngagementType,
        description: `The type. Truto documents \`CALL\` and \`MEETING\`; others are sent with a warning. ${requiringTypeOnCreate} require one of the two.`,
      }),
      rawEngagementType: t.string({
        description: `${rawTypeOptions.description} It is in the body only.`,
      }),
      subject: t.string({ description: 'The subject line or title.' }),
      content: t.string({ description: 'The text, such as the body of an email.' }),
      direction: t.string({
        description:
          'Who started a call: `inbound`, `outbound` or, for some integrations, `missed`. With another type than `CALL` it is refused.',
      }),
      internalNotes: t.string({ description: 'Notes for the team only.' }),
      status: t.string({ description: 'The status, as the provider names it, such as `completed`.' }),
      startTime: t.string({
        description:
          'When it starts or started: a date-time with an offset, such as `2026-01-31T09:00:00Z`. Another form is sent with a warning.',
      }),
      endTime: t.string({ description: 'When it ends or ended, like `startTime`, and not before it.' }),
      duration: t.string({ description: "How long it takes or took, in the provider's own unit and format." }),
      owner: reference('The user it belongs to.'),
      account: reference('The company (CRM account) it is with; not the integrated account.'),
      project: reference('The project it is about.'),
      contacts: references('The people it is with.'),
      opportunities: references('The deals it is about.'),
      leads: references('The leads it is about.'),
      phoneNumbers: t.field({ type: [PhoneNumberInput], description: 'The phone numbers involved.' }),
      customFields: t.field({ type: 'JSONObject', description: 'Custom fields of the CRM, by name.' }),
      remoteData: t.field({
        type: 'JSONObject',
        description: "Further data for the provider's own API, passed on unchanged.",
      }),
    };
  },
});

interface GivenFields {
  readonly engagementType?: Type | null | undefined;
  readonly rawEngagementType?: string | null | undefined;
  readonly remoteData?: Readonly<Record<string, unknown>> | null | undefined;
}

/** The fields of the input by wire names. */
function wireFieldsOfInput(given: GivenFields): EngagementFields {
  // A documented type is no provider's own.
  const values: Readonly<Record<string, unknown>> = { ...given, engagementType: null };
  const fields: EngagementFields = Object.fromEntries(
    writableFieldNames.flatMap((field) => {
      const value = values[argumentOf(field)] ?? null;
      return value === null ? [] : [[field, value] as const];
    }),
  );
  return withRawType(fields, given.rawEngagementType);
}

async function resolveCreate(
  args: Pick<CreateEngagementFields, 'integratedAccountId' | 'trutoQuery'> & {
    readonly input: GivenFields;
    readonly dryRun: boolean;
  },
  selected: ReturnType<typeof readCreatedSelection>,
  responseKey: string | number,
  context: Context,
): Promise<Result> {
  const { deadlineAt, hasCallerLeft } = context;
  const { integratedAccountId, trutoQuery, dryRun } = args;
  const { engagementType, remoteData } = args.input;
  const callerKey = callerKeyOf(context, responseKey);
  const options = { caller: requireCaller(context), selected, dryRun, callerKey, deadlineAt, hasCallerLeft };
  const input = { integratedAccountId, engagementType, fields: wireFieldsOfInput(args.input), remoteData, trutoQuery };
  const result = await createEngagement(input, options, context);
  if (result.kind === 'Unauthenticated') throw fieldError('UNAUTHENTICATED', result.message);
  return result;
}

builder.mutationField('createEngagement', (t) =>
  t.field({
    type: CreateEngagementResult,
    nullable: true,
    cost: upstreamRequestCost,
    description:
      'Creates one engagement and returns the outcome. It is sent to Truto once: after an unclear answer, the server searches for ' +
      'the engagement instead of sending it again. Send an `Idempotency-Key` header (or `extensions.idempotencyKey` in the request) ' +
      'to make a retry safe: for 10 minutes, the same key returns the first result. After a refusal, it sends the create again.',
    args: {
      integratedAccountId: t.arg.id({
        required: true,
        description: "Truto's id of the integrated account to create the engagement in.",
      }),
      input: t.arg({ type: CreateEngagementInput, required: true, description: 'The fields of the new engagement.' }),
      trutoQuery: t.arg(trutoQueryOptions),
      dryRun: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Creates nothing. Returns the request that would be sent, and every reason why it would be refused. Looks up the account.',
      }),
    },
    resolve: (_root, args, context, info) => resolveCreate(args, readCreatedSelection(info), info.path.key, context),
  }),
);
