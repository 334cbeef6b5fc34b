/** Ids that no path segment can contain, with the reason. */
export const refusedIds: readonly (readonly [what: string, id: string])[] = [
  ['an empty one', ''],
  ['a dot', '.'],
  ['two dots', '..'],
  ['a step up to another resource', '../contacts/1'],
  ['a step up by a backslash', '..\\contacts'],
  ['a step up at the end', 'x/..'],
  ['a step up in the middle', 'a/../b'],
  ['a dot between slashes', 'a/./b'],
  ['a dot before a path parameter', '.;/'],
  ['two dots and a path parameter', 'a/..;x=1'],
  ['two dots before a query', 'x/..?y'],
  ['two dots before a fragment', '..#y'],
  ['two dots before an encoded query', '..%3Fy'],
  ['two dots, encoded', '%2e%2e'],
  ['a dot, encoded', '%2E'],
  ['one of two dots, encoded', '.%2e/contacts/1'],
  ['a step up with an encoded slash', '..%2Fcontacts%2f1'],
  ['a step up with an encoded backslash', 'x%5c..%5Cy'],
  ['a step up, encoded twice', '%252E%252e%252fcontacts'],
  ['two dots whose encoding is encoded', '%%32e%%32%65'],
  ['an encoded path parameter', 'x/..%3bx'],
  ['a replacement character', 'caf\ufffd-1'],
  ['NUL', '\u0000'],
  ['a line break', '\r\n'],
  ['a carriage return alone', 'a\rb'],
  ['a line feed alone', 'a\nb'],
  ['a header injection', 'e1 HTTP/1.1\r\nx-evil: 1'],
  ['a tab', 'a\tb'],
  ['an escape', '\u001b[31m'],
  ['DEL', 'a\u007f'],
  ['a C1 control character', 'a\u0085b'],
  ['513 characters', 'x'.repeat(513)],
  ['the first half of a pair', '\ud800'],
  ['the second half of a pair', 'a\udfffb'],
  ['a pair the wrong way round', '\udc00\ud800'],
];

/** Ids that look like something else, and are accepted. */
export const takenIds: readonly string[] = [
  '...',
  '.hidden',
  'a..b/c.d',
  '..a/b..',
  '%2e%2ea',
  '%252E%252E.',
  '1.2.3',
  'a;..',
  '/',
  '//evil.example',
  'a/b',
  '?x=1',
  '#',
  '#a?b',
  'a b',
  ' ',
  '%',
  '%ZZ',
  '%00',
  'e1&integrated_account_id=evil',
  'http://evil.example/',
  '@evil.example',
  "a'b(c)*!~",
  '"<>`{}|^',
  '__proto__',
  'é',
  'e\u0301',
  '🦊👩‍👩‍👧',
  '\u2028',
  '\ufeff1',
  'x'.repeat(512),
];

/** Decodes a path like a proxy: each triplet by itself, so that invalid UTF-8 hides no other triplet. */
const decoded = (text: string) =>
  text.replace(/%[\da-f]{2}/gi, (triplet) => String.fromCharCode(Number(`0x${triplet.slice(1)}`)));

/** True for an id with a dot segment, plain or decoded once or twice. */
export function hasDotSegment(id: string): boolean {
  const forms = [id, decoded(id), decoded(decoded(id))];
  return forms.some((form) => form.split(/[/\\]/).some((segment) => /^\.\.?([;?#]|$)/.test(segment)));
}
