/**
 * The most of these moments within any ten seconds.
 * @param lateMs how late a moment may have been noted: an upstream of a test's own shares its processors with all else.
 */
export function mostInTenSeconds(momentsMs: readonly number[], lateMs = 0): number {
  const inOrder = [...momentsMs].sort((one, other) => one - other);
  const counts = inOrder.map(
    (first, index) => inOrder.slice(index).filter((moment) => moment < first + 10_000 - lateMs).length,
  );
  return Math.max(0, ...counts);
}
