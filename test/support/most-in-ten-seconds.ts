/** The most of these moments that lie in any ten seconds, wherever those begin. */
export function mostInTenSeconds(momentsMs: readonly number[]): number {
  const inOrder = [...momentsMs].sort((one, other) => one - other);
  const counts = inOrder.map((first, index) => inOrder.slice(index).filter((moment) => moment < first + 10_000).length);
  return Math.max(0, ...counts);
}
