/** One measured value, and after how many operations. */
export interface Point {
  readonly operations: number;
  readonly value: number;
}

/**
 * How much the value grows in 100,000 operations, in percent of its mean: the slope of the straight line that fits the
 * points best (least squares). Not a number when there are fewer than two.
 */
export function slopePercent(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const meanOperations = mean(({ operations }) => operations);
  const meanValue = mean(({ value }) => value);
  const covariance = mean(({ operations, value }) => (operations - meanOperations) * (value - meanValue));
  const variance = mean(({ operations }) => (operations - meanOperations) ** 2);
  return ((covariance / variance) * 100_000 * 100) / meanValue;
}
