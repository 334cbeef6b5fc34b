import { startCapturedRun } from './captured.ts';

/**
 * Runs once around all tests: afterwards, whatever any server answered, logged or printed is searched for every secret
 * that any of them knew (S01).
 * @returns what ends the run, and fails it when one shows.
 */
export default function searchWhatIsCaptured(): () => void {
  const run = startCapturedRun();
  return () => {
    const found = run.search();
    run.clear();
    if (found.length > 0) throw new Error(`S01 ${found.length} secrets show, the first so: ${found[0]}`);
  };
}
