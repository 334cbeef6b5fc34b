import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

it('the bench gets the expected answer to everything that it measures, from the raw proxy and the facade', async () => {
  const smoke = promisify(execFile)(process.execPath, ['test/bench/main.ts', '--smoke'], { cwd: root });
  // One that ends with 1 has printed what was wrong.
  const { stdout } = await smoke.catch((error) => error);
  expect(stdout).toContain('Every answer was right.');
}, 120_000);
