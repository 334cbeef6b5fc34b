import type { Secret } from '../config/secret.ts';

/** Shorter secrets also occur by chance in other text. */
const minSecretLength = 8;

/** The base64 of the text at each offset in longer data, without the characters that depend on its neighbours. */
function base64Cores(text: string): readonly string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
    const [from, to] = [Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6)];
    return [bytes.toString('base64').slice(from, to), bytes.toString('base64url').slice(from, to)];
  });
}

/** Matches the secrets in all spellings that programs use: JSON, URLs, base64. Undefined without secrets. */
export function secretPattern(secrets: readonly Secret[]): RegExp | undefined {
  const spellings = secrets
    .map((secret) => secret.reveal())
    .filter(({ length }) => length >= minSecretLength)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])
    .flatMap((text) => [text, ...base64Cores(text)]);
  // The longest first: a secret that contains another must be redacted whole.
  const longestFirst = [...new Set(spellings)].sort((a, b) => b.length - a.length);
  if (longestFirst.length === 0) return undefined;
  return new RegExp(longestFirst.map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'g');
}
