/**
 * How many runs a property gets: all of them with `ALL_RUNS=1`, as it should be every night; else a tenth, but at least 50.
 * @param all how many it gets then.
 */
export function runs(all: number): number {
  return process.env.ALL_RUNS === '1' ? all : Math.max(Math.ceil(all / 10), Math.min(all, 50));
}
