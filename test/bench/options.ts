import { parseArgs } from 'node:util';
import { targets } from './targets/targets.ts';
import { startupWork } from './works/startup.ts';
import { streamWork } from './works/stream.ts';
import { aloneWorks, comparedWorks } from './works/works.ts';

/** What the bench is told to do. */
export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  /** Names of works. */
  readonly only: readonly string[];
  /** Names of targets. */
  readonly targets: readonly string[];
  /** Tiny, untimed, with the packages that the project has installed anyway. */
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
  const strange = given.filter((name) => !names.includes(name));
  if (strange.length > 0) throw new RangeError(`${strange.join(', ')}: there are only ${names.join(', ')}`);
  return given;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`${text} is no whole number from 1 on`);
  return value;
}

/**
 * Reads the command line.
 * @throws for what it does not know.
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
