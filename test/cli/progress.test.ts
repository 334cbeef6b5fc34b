import { describe, expect, it } from 'vitest';
import { Progress } from '../../src/cli/progress.ts';

/** A terminal, and what stands in its last line. */
function createTerminal() {
  let drawn = '';
  return {
    isTTY: true,
    write(text: string) {
      drawn += text;
    },
    lastLine: () => drawn.split('\x1b[K').at(-1),
  };
}

describe('the bar of a bulk delete', () => {
  it('does not call an engagement "not deleted" of which nobody knows', () => {
    const terminal = createTerminal();
    const progress = new Progress(terminal, 4);
    for (const kind of ['DeleteEngagementSuccess', 'OutcomeUnknownError', 'OutcomeUnknownError'] as const)
      progress.count(kind);
    progress.count('NotFoundError');
    expect(terminal.lastLine()).toMatch(/^\[#{30}\] 4\/4, .* a second, 1 not deleted, 2 unknown$/);
  });

  it('makes room for the lines of results on the same terminal, and comes again below each', () => {
    const terminal = createTerminal();
    const progress = new Progress(terminal, 9, true);
    for (const _ of [1, 2]) {
      progress.makeRoom();
      expect(terminal.lastLine()).toBe('');
      progress.count('DeleteEngagementSuccess');
      expect(terminal.lastLine()).toMatch(/^\[#/);
    }
  });

  it('stays where it is when the results go elsewhere', () => {
    const terminal = createTerminal();
    const progress = new Progress(terminal, 9);
    progress.makeRoom();
    expect(terminal.lastLine()).toMatch(/^\[-{30}\] 0\/9/);
  });
});
