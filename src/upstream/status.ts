/** What upstream's status says of the request, in a form that Truto guarantees (https://www.truto.one/docs/api-reference/overview/errors.md). */
export type Refused =
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'not-allowed'
  | 'blocked'
  | 'rate-limited'
  | 'refused';

/** What a status of upstream's means. */
export interface StatusMeaning {
  /** `wait`: it asks to come back later; `unclear`: the request may have been carried out; `final`: another attempt would not help. */
  readonly retry: 'wait' | 'unclear' | 'final';
  /** True when it counts against the account's breaker. `unless-json`: a 503 in JSON is Truto's word for a blocked account. */
  readonly isFailure: boolean | 'unless-json';
  /** What is refused, when Truto says so; undefined where the status does not say whether the request was carried out. */
  readonly refused: Refused | undefined;
}

const final = (refused?: Refused): StatusMeaning => ({ retry: 'final', isFailure: false, refused });
const unclear: StatusMeaning = { retry: 'unclear', isFailure: true, refused: undefined };

/** Every status that means something of its own: what is attempted again, counted and refused derives from it. */
const meanings: ReadonlyMap<number, StatusMeaning> = new Map([
  [400, final('invalid')],
  [401, final('unauthorized')],
  [403, final('forbidden')],
  [404, final('not-found')],
  [405, final('not-allowed')],
  // A time-out says nothing of the request, nor does nginx's 499, a client that left in front of the provider.
  [408, final()],
  [410, final('not-found')],
  [422, final('invalid')],
  [429, { retry: 'wait', isFailure: false, refused: 'rate-limited' }],
  [499, final()],
  [500, unclear],
  [501, final('refused')],
  [502, unclear],
  // From Truto it means a blocked account, from anybody else an overload that more requests only feed.
  [503, { retry: 'final', isFailure: 'unless-json', refused: 'blocked' }],
  [504, unclear],
]);

const refusedByClientError = final('refused');
const saysNothing = final();

/** What a status outside 2xx means. */
export function meaningOf(statusCode: number): StatusMeaning {
  const known = meanings.get(statusCode);
  return known ?? (statusCode >= 400 && statusCode < 500 ? refusedByClientError : saysNothing);
}
