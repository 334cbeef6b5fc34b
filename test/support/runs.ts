/**
 * The number of runs of a property: all with `ALL_RUNS=1`, for nightly runs; else a tenth, but at least 50.
 * @param all the number with `ALL_RUNS=1`.
 */
export function runs(all: number): number {
  return process.env.ALL_RUNS === '1' ? all : Math.max(Math.ceil(all / 10), Math.min(all, 50));
}
