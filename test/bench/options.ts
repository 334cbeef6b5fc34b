import { parseArgs } from 'node:util';
import { targets } from './targets/targets.ts';
import { startupWork } from './works/startup.ts';
import { streamWork } from './works/stream.ts';
import { aloneWorks, comparedWorks } from './works/works.ts';

/** The options of a run of the bench. */
export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  /** Names of works. */
  readonly only: readonly string[];
  /** Names of targets. */
  readonly targets: readonly string[];
  /** True: tiny and untimed, with only the packages that the project itself has. */
  readonly isSmoke: boolean;
  /** The document that a whole run writes; undefined when works or targets were chosen. */
  readonly wholeDocument: string | undefined;
}

const namesOf = (works: readonly { readonly name: string }[]) => works.map(({ name }) => name);
const comparedNames: readonly string[] = namesOf([...comparedWorks, startupWork]);
const aloneNames: readonly string[] = namesOf([...aloneWorks, streamWork]);

const targetNames = targets.map(({ name }) => name);

function chosen(text: string | undefined, names: readonly string[], byDefault = names): readonly string[] {
  if (text === undefined) return byDefault;
  const given = text.split(',');
  const unknown = given.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new RangeError(`${unknown.join(', ')}: there are only ${names.join(', ')}`);
  return given;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`${text} is not a whole number from 1 on`);
  return value;
}

/**
 * Reads the command line.
 * @throws for unknown options and values.
 */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      only: { type: 'string' },
      targets: { type: 'string' },
      alone: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
    },
  });
  const isWhole = values.only === undefined && values.targets === undefined;
  return {
    rounds: positive(values.rounds),
    seconds: positive(values.seconds),
    only: chosen(values.only, [...comparedNames, ...aloneNames], values.alone ? aloneNames : comparedNames),
    targets: chosen(values.targets, targetNames),
    isSmoke: values.smoke,
    wholeDocument: isWhole ? (values.alone ? 'benchmarks-alone' : 'benchmarks') : undefined,
  };
}
