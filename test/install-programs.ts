import { installChromium } from './support/chromium.ts';
import { installNginx } from './support/nginx-server.ts';
import { installPrometheus } from './support/prometheus-server.ts';
import { pythonWith } from './support/python.ts';
import { installRedis, installValkey } from './support/redis-server.ts';

/*
 * Installs the programs that a group of tests needs (`quick` or `rest`, as in vitest.config.ts), where that is allowed, before the
 * first of them runs, so that no test waits for an installation. Reports the programs that it cannot install. The tests that need those
 * fail.
 */

const quick = [installRedis];
const rest = [
  ...quick,
  installValkey,
  installNginx,
  installPrometheus,
  installChromium,
  () => pythonWith('requests', 'python3-requests'),
];

for (const install of process.argv[2] === 'quick' ? quick : rest) {
  try {
    install();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  }
}
