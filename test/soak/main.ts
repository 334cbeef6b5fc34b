import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { printReport, printSample, sampleHead } from './print-report.ts';
import { runSoak } from './run-soak.ts';
import { brokenPromises } from './verdict.ts';

/** The soak by itself: `npm run soak -- --deletes 200000 --fault-percent 5 --seed any-text`; 1 when a promise was broken. */

const { values } = parseArgs({
  options: {
    deletes: { type: 'string', default: '200000' },
    'fault-percent': { type: 'string', default: '5' },
    seed: { type: 'string', default: randomUUID().slice(0, 8) },
  },
});
const { deletes, seed, 'fault-percent': faultPercent } = values;

process.stdout.write(`${deletes} deletes, ${faultPercent} % faults, seed ${seed}\n${sampleHead}\n`);
const result = await runSoak({
  deletes: Number(deletes),
  faultPercent: Number(faultPercent),
  seed,
  onSample: (sample) => process.stdout.write(`${printSample(sample)}\n`),
});
const broken = brokenPromises(result);
process.stdout.write(`\n${printReport(result)}\n`);
process.stdout.write(broken.length === 0 ? 'Every promise was kept.\n' : `Broken:\n${broken.join('\n')}\n`);
process.exitCode = broken.length === 0 ? 0 : 1;
