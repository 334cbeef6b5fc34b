import fc from 'fast-check';
import { GraphQLDateTime } from 'graphql-scalars';
import { describe, expect, it } from 'vitest';
import { serializeDateTime } from '../src/graphql/scalars.ts';
import { runs } from './support/runs.ts';

/** What the serialized value is in an answer, or that it is none. */
function answerOf(serialize: (value: unknown) => unknown, value: unknown): string {
  try {
    return JSON.stringify(serialize(value));
  } catch {
    return 'an error';
  }
}

const digits = (length: number) => fc.stringMatching(new RegExp(`^\\d{${length}}$`));
const written = fc
  .tuple(
    digits(4),
    digits(2),
    digits(2),
    digits(2),
    digits(2),
    digits(2),
    fc.constantFrom('', '.000', '.123', '.5', '.1234'),
  )
  .map(
    ([year, month, day, hour, minute, second, fraction]) =>
      `${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}Z`,
  );

describe('DateTime', () => {
  it('is written as graphql-scalars writes it, whatever the moment', () => {
    const moment = fc.date({
      min: new Date('0000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59Z'),
      noInvalidDate: true,
    });
    const ours = (value: unknown) => answerOf(serializeDateTime, value);
    const theirs = (value: unknown) => answerOf((given) => GraphQLDateTime.serialize(given), value);
    fc.assert(
      fc.property(moment, written, (date, text) => {
        const forms = [
          date,
          date.toISOString(),
          date.toISOString().replace(/\.\d{3}/, ''),
          text,
          date.getTime(),
          'yesterday',
        ];
        expect(forms.map(ours)).toEqual(forms.map(theirs));
      }),
      { numRuns: runs(2_000) },
    );
  });
});
