import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import { startNode } from '../support/server-process.ts';

it('npm run demo:bulk deletes all engagements, shows how far it is, keeps each, and restores each', async () => {
  await using redis = await startRedis();
  const demo = startNode(['examples/bulk/demo.mjs', '1000'], { REDIS_URL: redis.url });
  expect({ code: await demo.exited, output: demo.output() }).toMatchObject({ code: 0 });
  expect(demo.output()).toMatch(/^#+\.* \d+\/1000 DELETING, \d+\/s/m);
  expect(demo.output()).toContain('COMPLETED: {"deleted":1000,"alreadyAbsent":0,"failed":0,"unknown":0,"remaining":0}');
  expect(demo.output()).toMatch(/^1000 engagements are restored under new ids: \d+ is \d+ now/m);
  const [, undo = ''] = /^1000 records are in (.+)$/m.exec(demo.output()) ?? [];
  rmSync(dirname(dirname(undo)), { recursive: true });
}, 240_000);
