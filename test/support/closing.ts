/** The same, closed at the end of its scope: `await using server = closing(…)`. */
export function closing<Closable extends { close(): Promise<unknown> }>(
  closable: Closable,
): Closable & AsyncDisposable {
  return Object.assign(closable, { [Symbol.asyncDispose]: async () => void (await closable.close()) });
}
