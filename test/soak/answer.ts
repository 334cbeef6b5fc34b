/** What a caller may believe of one engagement, once it has an answer or none. */
export type Told =
  | 'deleted'
  | 'not deleted'
  /** The answer says that nobody can know. */
  | 'unknown'
  /** There was no answer, or none that speaks of the delete. That must not happen. */
  | 'nothing'
  /** The caller hung up before there was an answer. */
  | 'left';

/** What came of one delete, as its caller sees it. */
export interface Answer {
  readonly told: Told;
  /** A success's outcome, the member of any other result, or the code of a top-level error. */
  readonly result: string;
  readonly detail: string;
  readonly retrySafe: boolean;
}

/** A GraphQL response, as far as it is looked at. */
export interface ResponseBody {
  readonly data?: Readonly<Record<string, Member | null>> | null;
  readonly errors?: readonly ResponseError[];
}

interface Member {
  readonly __typename: string;
  readonly outcome?: string;
  readonly message?: string;
  readonly retrySafe?: boolean;
}

interface ResponseError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: { readonly code?: string };
}

/** An answer that says nothing about the delete. */
export function noAnswer(told: 'nothing' | 'left', detail: string): Answer {
  return { told, result: told === 'left' ? '(hung up)' : '(no answer)', detail, retrySafe: false };
}

function readMember({ __typename, outcome, message = '', retrySafe = false }: Member): Answer {
  if (outcome !== undefined) return { told: 'deleted', result: outcome, detail: '', retrySafe };
  const told = __typename === 'OutcomeUnknownError' ? 'unknown' : 'not deleted';
  return { told, result: __typename, detail: message, retrySafe };
}

/** Reads what the response says of the delete under that alias. */
export function readAnswer({ data, errors = [] }: ResponseBody, alias: string): Answer {
  const member = data?.[alias];
  if (member) return readMember(member);
  const error = errors.find(({ path }) => path === undefined || path[0] === alias);
  const code = error?.extensions?.code ?? '(no answer)';
  // The one top-level error that promises something: nothing was executed.
  const told = code === 'OVERLOADED' && !data ? 'not deleted' : 'nothing';
  return { told, result: code, detail: error?.message ?? '', retrySafe: false };
}
