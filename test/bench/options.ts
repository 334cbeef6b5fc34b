import { parseArgs } from 'node:util';
import { targets } from './targets/targets.ts';
import { startupWork } from './works/startup.ts';
import { streamWork } from './works/stream.ts';
import { works } from './works/works.ts';

/** What the bench is told to do. */
export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  /** Names of works. */
  readonly only: readonly string[];
  /** Names of targets. */
  readonly targets: readonly string[];
  /** Tiny, untimed, with what the project has installed anyway. */
  readonly isSmoke: boolean;
  /** True when neither works nor targets were chosen: only such a run says everything that the document says. */
  readonly isWhole: boolean;
}

/** The names of everything that can be measured. */
export const workNames: readonly string[] = [...works.map(({ name }) => name), startupWork.name, streamWork.name];

const targetNames = targets.map(({ name }) => name);

function chosen(text: string | undefined, names: readonly string[]): readonly string[] {
  if (text === undefined) return names;
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
      rounds: { type: 'string', default: '9' },
      seconds: { type: 'string', default: '2' },
      only: { type: 'string' },
      targets: { type: 'string' },
      smoke: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: positive(values.rounds),
    seconds: positive(values.seconds),
    only: chosen(values.only, workNames),
    targets: chosen(values.targets, targetNames),
    isSmoke: values.smoke,
    isWhole: values.only === undefined && values.targets === undefined,
  };
}
