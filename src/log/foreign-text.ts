/** How text that somebody else wrote is shown: cut to a bound, and with nothing in it that changes how other text looks. */

/**
 * The text, or its beginning and "…": at most `maxLength` characters. Never half of a surrogate pair.
 */
export function shortened(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength - 1).toWellFormed()}…` : text;
}

/**
 * What terminals and viewers take for commands, besides what JSON escapes: DEL and the C1 controls; what turns the direction of
 * text (U+202E), breaks lines (U+2028), or takes no room (U+200B, the tags from U+E0000 on).
 */
const invisible =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

const escaped = (units: string) =>
  Array.from(
    { length: units.length },
    (_, index) => `\\u${units.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');

/** The text with such characters as JSON's escapes (`\u202e`): of JSON it changes the spelling and not the meaning. */
export function withEscapes(text: string): string {
  return text.replace(invisible, escaped);
}
