import type { ResponseFormat as Format, EngagementSort as Sort, EngagementType as Type } from '../engagement/input.ts';
import type { DeleteOutcome as Outcome } from '../engagement/result.ts';
import { builder } from './builder.ts';

/** One enum: GraphQL's name for each of its literals, upstream's or our own, is the literal in capitals. */
export function enumOf<Literal extends string>(name: string, description: string, values: Record<Literal, string>) {
  const entries = Object.entries<string>(values).map(([value, text]) => [
    value.toUpperCase(),
    { value, description: text },
  ]);
  return builder.enumType<string, Record<string, { value: Literal; description: string }>>(name, {
    description,
    values: Object.fromEntries(entries),
  });
}

export const EngagementType = enumOf<Type>('EngagementType', 'What kind of engagement it is.', {
  call: 'A phone call.',
  chat: 'A chat conversation.',
  email: 'An email message.',
  meeting: 'A meeting or appointment.',
  note: 'A written note.',
});

export const ResponseFormat = enumOf<Format>('ResponseFormat', 'In which form upstream answers a delete.', {
  unified: "Truto's unified record, in `engagement`.",
  normalized: "Truto's mappings applied and normalized, in `engagement`.",
  raw: "The provider's own body, unprocessed, in `raw`.",
  stream: "The provider's own body as it arrives, in `stream`.",
});

export const EngagementSort = enumOf<Sort>('EngagementSort', 'What upstream sorts engagements by.', {
  created_at: 'When the engagement was created.',
  updated_at: 'When the engagement was last updated.',
});

export const SortDirection = enumOf<'asc' | 'desc'>('SortDirection', 'Which way to sort.', {
  asc: 'From the earliest to the latest.',
  desc: 'From the latest to the earliest.',
});

export const DeleteOutcome = enumOf<Outcome>('DeleteOutcome', 'What became of the engagement.', {
  DELETED: 'Upstream confirmed that it is deleted.',
  ALREADY_ABSENT: 'It was gone when a repeated attempt came; an earlier attempt of the same delete probably did it.',
  ACCEPTED: 'The provider took the delete and will carry it out later (HTTP 202).',
});
