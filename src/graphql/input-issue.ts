import type { Finding } from '../engagement/result.ts';
import { builder } from './builder.ts';

const IssueSeverity = builder.enumType('IssueSeverity', {
  description: 'Whether an issue keeps the delete from being sent.',
  values: {
    REFUSAL: { value: 'REFUSAL', description: 'The delete is not sent.' },
    WARNING: {
      value: 'WARNING',
      description:
        'The delete is sent all the same. When it is about the arguments, the success repeats it as a warning.',
    },
  } as const,
});

export const InputIssue = builder.objectRef<Finding>('InputIssue').implement({
  shareable: true,
  description: 'What a rule has to say about the arguments, or a dry run about the account or the engagement.',
  fields: (t) => ({
    severity: t.expose('severity', {
      type: IssueSeverity,
      nullable: false,
      description: 'Whether it keeps the delete from being sent.',
    }),
    path: t.exposeStringList('path', {
      nullable: false,
      description:
        'Where in the arguments, from the outside in, such as `["parameters", "sortBy"]`; `["Authorization"]` for the token.',
    }),
    message: t.exposeString('message', { nullable: false, description: 'What is wrong with it and what is allowed.' }),
    allowedValues: t.exposeStringList('allowedValues', {
      nullable: false,
      description: 'Every value that would be taken; empty when they cannot be counted.',
    }),
    result: t.exposeString('result', {
      description:
        'Of a dry run: what the delete would come to, as the `__typename` of its result or the code of the error in its place, such as ' +
        '`UNAUTHENTICATED`. Null for what is about the arguments.',
    }),
  }),
});
