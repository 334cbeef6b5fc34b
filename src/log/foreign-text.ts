import type { Secret } from '../config/secret.ts';

/** The text, or its beginning and "…": at most `maxLength` characters. Never half of a surrogate pair. */
export function shortened(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength - 1).toWellFormed()}…` : text;
}

/** Characters that terminals interpret: DEL, the C1 controls, and those that reverse text (U+202E), break lines (U+2028) or are invisible. */
const invisible =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

/** Escapes such characters in JSON's form (`\u202e`). In JSON text, this does not change the value. */
export function withEscapes(text: string): string {
  // Without the flag `u`, a pair is two matches.
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(invisible, (units) => units.replace(/./gs, escaped));
}

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

/** What is in the place of a secret. */
export const censor = '[redacted]';

/** Makes a function that removes the secret from text in any encoding that contains ASCII. */
export function withoutSecret(secret: Secret): (bytes: Buffer) => Buffer {
  // Digits may be an id, and JSON would no longer be JSON.
  const pattern = (!/^\d+$/.test(secret.reveal()) && secretPattern([secret])) || /(?!)/;
  return (bytes) => {
    // As latin1, all other bytes stay the same.
    const text = bytes.toString('latin1');
    const clean = text.replace(pattern, censor);
    return clean === text ? bytes : Buffer.from(clean, 'latin1');
  };
}
