import { plainLoad } from './load/plain.ts';
import { measure } from './measure.ts';
import { startTargets } from './targets/start-targets.ts';
import { startUpstream } from './upstream/start.ts';
import { measureStartup } from './works/startup.ts';
import { measureStream } from './works/stream.ts';
import { works } from './works/works.ts';

/** The targets that need no install. */
const names = ['raw', 'bare', 'facade', 'facade-subgraph'];

/** As short as a load can be: one request on each connection. */
const seconds = 0;

const streamedMegabytes = 4;

/**
 * Runs everything once, as small as possible and without timing. It proves that every answer is right and that the bench
 * works.
 * @returns all complaints. Empty if every answer is right.
 */
export async function runSmoke(report: (line: string) => void): Promise<readonly string[]> {
  const complaints: string[] = [];
  await using upstream = await startUpstream();
  await using servers = await startTargets(names, upstream.url, report);
  for (const work of works) {
    report(work.name);
    const isWanted = (name: string, target: string | undefined) =>
      (target === undefined || names.includes(target)) && (work.smokeCases?.includes(name) ?? true);
    const cases = work.cases.filter(({ name, target }) => isWanted(name, target));
    const options = { rounds: 1, seconds, generator: plainLoad, upstream, report: () => {} };
    const result = await measure({ ...work, cases }, servers, options);
    for (const { name, complaint } of result.cases) {
      if (complaint !== undefined) complaints.push(`${work.name}, ${name}: ${complaint}`);
    }
  }
  report('startup');
  for (const { name, complaint } of await measureStartup({ times: 1, names: ['raw'], upstream })) {
    if (complaint !== undefined) complaints.push(`startup, ${name}: ${complaint}`);
  }
  report('stream');
  const { bodyBytes, deliveredBytes } = await measureStream({ megabytes: streamedMegabytes, sleepMs: 100 });
  if (deliveredBytes !== bodyBytes) complaints.push(`stream: ${deliveredBytes} of ${bodyBytes} bytes were delivered`);
  return complaints;
}
