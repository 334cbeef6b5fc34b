/** What an answer, or its absence, reports about one engagement. */
export type Reported =
  | 'deleted'
  | 'not deleted'
  /** The answer says that the outcome is unknown. */
  | 'unknown'
  /** There was no answer, or one that does not mention the delete. This must not happen. */
  | 'nothing'
  /** The caller hung up before there was an answer. */
  | 'left';

/** The end of one delete, as its caller sees it. */
export interface Answer {
  readonly reported: Reported;
  /** A success's outcome, the member of any other result, or the code of a top-level error. */
  readonly result: string;
  readonly detail: string;
  readonly retrySafe: boolean;
}

/** The parts of a GraphQL response that are read here. */
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
export function noAnswer(reported: 'nothing' | 'left', detail: string): Answer {
  return { reported, result: reported === 'left' ? '(hung up)' : '(no answer)', detail, retrySafe: false };
}

function readMember({ __typename, outcome, message = '', retrySafe = false }: Member): Answer {
  if (outcome !== undefined) return { reported: 'deleted', result: outcome, detail: '', retrySafe };
  const reported = __typename === 'OutcomeUnknownError' ? 'unknown' : 'not deleted';
  return { reported, result: __typename, detail: message, retrySafe };
}

/** Reads what the response says of the delete under that alias. */
export function readAnswer({ data, errors = [] }: ResponseBody, alias: string): Answer {
  const member = data?.[alias];
  if (member) return readMember(member);
  const error = errors.find(({ path }) => path === undefined || path[0] === alias);
  const code = error?.extensions?.code ?? '(no answer)';
  // Only this top-level error makes a promise: nothing was executed.
  const reported = code === 'OVERLOADED' && !data ? 'not deleted' : 'nothing';
  return { reported, result: code, detail: error?.message ?? '', retrySafe: false };
}
