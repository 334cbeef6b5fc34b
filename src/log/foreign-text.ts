/** For text from outside: limits its length, and escapes characters that change how other text looks. */

/** The text, or its beginning and "…": at most `maxLength` characters. Never half of a surrogate pair. */
export function shortened(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength - 1).toWellFormed()}…` : text;
}

/**
 * Characters that JSON does not escape, and terminals interpret: DEL and the C1 controls, and characters that reverse text
 * (U+202E), break lines (U+2028), or are invisible (U+200B, the tags from U+E0000 on).
 */
const invisible =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

const escaped = (units: string) =>
  Array.from(
    { length: units.length },
    (_, index) => `\\u${units.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');

/** Escapes such characters in JSON's form (`\u202e`). In JSON text, this does not change the value. */
export function withEscapes(text: string): string {
  return text.replace(invisible, escaped);
}
