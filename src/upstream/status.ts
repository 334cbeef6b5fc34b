/** The refusal that a status stands for, in a form that Truto guarantees (https://www.truto.one/docs/api-reference/overview/errors.md). */
export type Refused =
  | ('invalid' | 'unauthorized' | 'forbidden' | 'not-found' | 'not-allowed')
  | ('blocked' | 'rate-limited' | 'refused');

/** What a status of upstream means. */
export interface StatusMeaning {
  /** `wait`: retry later. `unclear`: the request may have been executed. `final`: a retry would not help. */
  readonly retry: 'wait' | 'unclear' | 'final';
  /** True when it counts against the account's breaker. `unless-json`: a 503 in JSON means a blocked account. */
  readonly isFailure: boolean | 'unless-json';
  /** The refusal, when Truto sent it. Undefined for a status that does not say whether the request was executed. */
  readonly refused: Refused | undefined;
}

const final = (refused?: Refused): StatusMeaning => ({ retry: 'final', isFailure: false, refused });
const unclear: StatusMeaning = { retry: 'unclear', isFailure: true, refused: undefined };

/** Every status with its own meaning. Retry, breaker and refusal derive from this table. */
const meanings: ReadonlyMap<number, StatusMeaning> = new Map([
  [400, final('invalid')],
  [401, final('unauthorized')],
  [403, final('forbidden')],
  [404, final('not-found')],
  [405, final('not-allowed')],
  // A timeout proves nothing about the request. Nor does nginx's 499: a client in front of the provider has disconnected.
  [408, final()],
  [410, final('not-found')],
  [422, final('invalid')],
  [429, { retry: 'wait', isFailure: false, refused: 'rate-limited' }],
  [499, final()],
  [500, unclear],
  [501, final('refused')],
  [502, unclear],
  // From Truto it means a blocked account, from other servers an overload that retries would increase.
  [503, { retry: 'final', isFailure: 'unless-json', refused: 'blocked' }],
  [504, unclear],
]);

/** What a status outside 2xx means. */
export function meaningOf(statusCode: number): StatusMeaning {
  return meanings.get(statusCode) ?? final(statusCode >= 400 && statusCode < 500 ? 'refused' : undefined);
}
