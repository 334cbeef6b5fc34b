import { startCapturedRun } from './captured.ts';

/**
 * Runs once around all tests. At the end, it searches everything that any server answered, logged or printed for every secret
 * that any of them knew (S01).
 * @returns a function for the end of the run. It fails the run if it finds one.
 */
export default function searchWhatIsCaptured(): () => void {
  const run = startCapturedRun();
  return () => {
    const found = run.search();
    run.clear();
    if (found.length > 0) throw new Error(`S01 ${found.length} secrets show, the first so: ${found[0]}`);
  };
}
