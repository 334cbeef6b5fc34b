import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printedSchema } from '../src/graphql/schema.ts';

/* Writes the contract in each dialect, as it is served. With `--check`, names the files that differ, and exits with 1. */

const files = { none: 'schema.graphql', federation: 'federation.graphql', stitching: 'stitching.graphql' } as const;
const isCheck = process.argv.includes('--check');

for (const dialect of ['none', 'federation', 'stitching'] as const) {
  const file = join(import.meta.dirname, files[dialect]);
  const text = printedSchema({ dialect, typePrefix: '', provesCallers: false });
  if (!isCheck) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write(`schema/${files[dialect]} differs from the served schema. Run npm run schema.\n`);
    process.exitCode = 1;
  }
}
