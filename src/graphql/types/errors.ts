import { deleteErrorKinds, deleteErrorRow } from '../../engagement/delete-errors.ts';
import type { DeleteEngagementError } from '../../engagement/result.ts';
import { builder, objectType, type Shown } from '../core/builder.ts';

const ErrorInterface = builder
  .interfaceRef<Pick<DeleteEngagementError, 'message' | 'engagementId'>>('Error')
  .implement({
    description: 'An error of a delete. Only with `OutcomeUnknownError` may the engagement be deleted.',
    fields: (t) => ({
      message: t.exposeString('message', {
        nullable: false,
        description: 'What happened and what to do, for people. Programs use `__typename` and the other fields.',
      }),
      engagementId: t.exposeID('engagementId', {
        nullable: true,
        description: 'The id of the engagement that the error is about, as you gave it.',
      }),
    }),
  });

/** The error members of a delete's result. */
export const errorTypes = deleteErrorKinds.map((kind) => {
  const { description, fields } = deleteErrorRow(kind);
  const shows = fields as Shown<DeleteEngagementError>;
  return objectType<DeleteEngagementError>(kind, { description, interfaces: [ErrorInterface], shareable: true, shows });
});
