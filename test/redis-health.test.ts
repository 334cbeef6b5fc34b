import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../src/log/log.ts';
import { RedisHealth } from '../src/redis/health.ts';

const cut = new Error('the connection was closed');
const refusal = Object.assign(new Error('NOPERM this user has no permissions'), { name: 'ReplyError' });

let lines: string[];
let health: RedisHealth;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  lines = [];
  health = new RedisHealth(createLog({ destination: { write: (line) => void lines.push(line) } }));
});
afterEach(() => vi.useRealTimers());

const warnings = () => lines.filter((line) => JSON.parse(line).level === 40).length;

/** How many probes must go well until Redis is used again. */
function probesUntilUp(): number {
  for (let count = 1; ; count += 1) {
    health.succeed();
    if (health.isUp) return count;
  }
}

describe('what is logged of Redis', () => {
  it('while a server starts, is a refusal at once, and that there is no connection when the start ends', () => {
    health.fail(cut);
    expect(warnings()).toBe(0);
    health.endStart(cut);
    expect(warnings()).toBe(1);
    health.endStart(cut);
    expect(warnings()).toBe(1);
    health.fail(refusal);
    expect(warnings()).toBe(1);
  });

  it('is a refusal before the start ends, which is then not logged again', () => {
    health.fail(refusal);
    expect(warnings()).toBe(1);
    health.endStart(refusal);
    expect(warnings()).toBe(1);
  });

  it('is a loss at once, another fault when it has lasted for more than 10 seconds, and each once', () => {
    health.succeed();
    health.fail(cut);
    expect(warnings()).toBe(1);
    health.fail(refusal);
    vi.advanceTimersByTime(10_000);
    health.fail(refusal);
    expect(warnings()).toBe(1);
    vi.advanceTimersByTime(1);
    health.fail(refusal);
    health.fail(refusal);
    expect(warnings()).toBe(2);
  });

  it('is a question that it refuses, each kind once a minute', () => {
    const errors = () => lines.filter((line) => JSON.parse(line).level === 50).length;
    health.complain(refusal);
    health.complain(refusal);
    health.complain(Object.assign(new Error('WRONGTYPE no list'), { name: 'ReplyError' }));
    expect(errors()).toBe(2);
    vi.advanceTimersByTime(59_999);
    health.complain(refusal);
    expect(errors()).toBe(2);
    vi.advanceTimersByTime(1);
    health.complain(refusal);
    expect(errors()).toBe(3);
  });

  it('is nothing once it is closed', () => {
    health.succeed();
    health.close();
    const before = lines.length;
    health.fail(cut);
    health.succeed();
    expect(lines).toHaveLength(before);
    expect(health.isUp).toBe(false);
  });
});

describe('a Redis that comes and goes', () => {
  it('must be well twice as often after each loss, 32 times at most, and once after it was well for more than a minute', () => {
    expect(probesUntilUp()).toBe(1);
    expect(health.backSince).toBeUndefined();
    const counts = Array.from({ length: 8 }, () => {
      vi.advanceTimersByTime(60_000);
      health.fail(cut);
      return probesUntilUp();
    });
    expect(counts).toEqual([1, 2, 4, 8, 16, 32, 32, 32]);
    expect(health.backSince).toBe(performance.now());
    vi.advanceTimersByTime(60_001);
    health.fail(cut);
    expect(probesUntilUp()).toBe(1);
  });
});
