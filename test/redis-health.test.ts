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

function probesUntilUp(): number {
  for (let count = 1; ; count += 1) {
    health.succeed();
    if (health.isUp) return count;
  }
}

describe('the log lines about Redis', () => {
  it('report a refusal at once, and a missing connection at the end of the start', () => {
    health.fail(cut);
    expect(warnings()).toBe(0);
    health.endStart(cut);
    expect(warnings()).toBe(1);
    health.endStart(cut);
    expect(warnings()).toBe(1);
    health.fail(refusal);
    expect(warnings()).toBe(1);
  });

  it('report a refusal during the start only once', () => {
    health.fail(refusal);
    expect(warnings()).toBe(1);
    health.endStart(refusal);
    expect(warnings()).toBe(1);
  });

  it('report a loss at once, another fault after 10 seconds, and each once', () => {
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

  it('report a refused command, each kind once a minute', () => {
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

  it('end after the close', () => {
    health.succeed();
    health.close();
    const before = lines.length;
    health.fail(cut);
    health.succeed();
    expect(lines).toHaveLength(before);
    expect(health.isUp).toBe(false);
  });
});

it('a Redis that comes and goes needs twice as many good probes after each loss, at most 32, and one after a good minute', () => {
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

it('the settings of a Redis that may lose data are warned about once, and not when they are right or not shown', () => {
  health.advise('maxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n');
  health.advise('maxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n');
  health.advise('maxmemory:100\r\nmaxmemory_policy:noeviction\r\n');
  health.advise('maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n');
  health.advise('aof_enabled:1\r\n');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('noeviction');
});
