import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgress } from '../../src/cli/progress.ts';

/** A terminal, and what stands in its last line. */
function createTerminal(columns?: number) {
  let drawn = '';
  return {
    isTTY: true,
    columns,
    write(text: string) {
      drawn += text;
    },
    lastLine: () => drawn.split('\x1b[K').at(-1),
  };
}

describe('the bar of a bulk delete', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());

  it('says how long the limits make it take, from the start on', () => {
    const terminal = createTerminal();
    const progress = createProgress(terminal, 500, { plannedMs: 92_000 });
    expect(terminal.lastLine()).toMatch(/0\/500, .*about 92 s left/);
    for (let i = 0; i < 50; i += 1) progress.count('DeleteEngagementSuccess');
    vi.advanceTimersByTime(2_000);
    expect(terminal.lastLine()).toMatch(/50\/500, .*about 90 s left/);
  });

  it('says how long it will take at its own rate, when that is slower than the limits', () => {
    const terminal = createTerminal();
    const progress = createProgress(terminal, 100);
    vi.advanceTimersByTime(59_000);
    progress.count('DeleteEngagementSuccess');
    vi.advanceTimersByTime(1_000);
    expect(terminal.lastLine()).toMatch(/1\/100, .*about 99 min left/);
  });

  it('counts a wait for the limit down, until a delete ends', () => {
    const terminal = createTerminal();
    const progress = createProgress(terminal, 9);
    progress.wait(25_000);
    expect(terminal.lastLine()).toMatch(/waiting for Truto's limit, about 25 s$/);
    vi.advanceTimersByTime(5_000);
    expect(terminal.lastLine()).toMatch(/waiting for Truto's limit, about 20 s$/);
    progress.count('DeleteEngagementSuccess');
    vi.advanceTimersByTime(1_000);
    expect(terminal.lastLine()).toMatch(/1\/9, .* left$/);
    progress.wait(50);
    expect(terminal.lastLine()).not.toContain('waiting');
  });

  it.each([20, 80, 100])('stays on one line of %i columns, since a second line could not be drawn again', (columns) => {
    const terminal = createTerminal(columns);
    const progress = createProgress(terminal, 1_000, { plannedMs: 200_000 });
    for (const kind of ['OutcomeUnknownError', 'NotFoundError'] as const) progress.count(kind);
    progress.wait(25_000);
    const line = terminal.lastLine() ?? '';
    expect(line.length).toBeLessThan(columns);
    expect(line).toContain('2/1000');
    // The bar gives its room to the text, whose end is cut last.
    if (columns >= 80) expect(line).toMatch(/^2\/1000, .*, 1 not deleted, 1 unknown, about/);
  });

  it('does not count an unknown outcome as not deleted', () => {
    const terminal = createTerminal();
    const progress = createProgress(terminal, 4);
    for (const kind of ['DeleteEngagementSuccess', 'OutcomeUnknownError', 'OutcomeUnknownError'] as const)
      progress.count(kind);
    progress.count('NotFoundError');
    expect(terminal.lastLine()).toMatch(/^\[#{30}\] 4\/4, .* a second, 1 not deleted, 2 unknown$/);
  });

  it('is removed for a line of results on the same terminal, and drawn again below it', () => {
    const terminal = createTerminal();
    const progress = createProgress(terminal, 9, { sharesTerminal: true });
    expect.assertions(4);
    for (const _ of [1, 2]) {
      progress.count('DeleteEngagementSuccess', () => expect(terminal.lastLine()).toBe(''));
      expect(terminal.lastLine()).toMatch(/^\[#/);
    }
  });

  it('stays in place when the results go elsewhere', () => {
    const terminal = createTerminal();
    const progress = createProgress(terminal, 9);
    progress.count('DeleteEngagementSuccess', () => expect(terminal.lastLine()).toMatch(/^\[-{30}\] 0\/9/));
    expect.assertions(1);
  });
});
