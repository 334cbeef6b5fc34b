/** Why tokens are refused, as metrics and the log name it. */
export const tokenRefusals = [
  ...['malformed', 'algorithm', 'unknown_key', 'bad_signature', 'expired', 'not_yet_valid'],
  ...['wrong_issuer', 'wrong_audience', 'no_subject', 'claim'],
] as const;

/** One of {@link tokenRefusals}. */
export type TokenRefusal = (typeof tokenRefusals)[number];
