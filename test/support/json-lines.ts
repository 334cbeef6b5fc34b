/** The lines of JSON in a text, such as a log. Loose on purpose: a test reads fields of lines that it caused itself. */
// biome-ignore lint/suspicious/noExplicitAny: as above.
export function jsonLines(text: string): any[] {
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line));
}
