/** The lines of a text that is nothing but lines of JSON, such as a log. Loose on purpose: tests look at what they expect. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads fields of lines that it caused itself.
export function jsonLines(text: string): any[] {
  const lines = text.split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}
