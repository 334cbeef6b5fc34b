import { performance } from 'node:perf_hooks';
import { memoryUsage } from 'node:process';

/** Preloaded into a server under test: answers, over IPC, what the process has spent so far. */
process.on('message', (message) => {
  if (message !== 'cost') return;
  const { user, system } = process.cpuUsage();
  const { active } = performance.eventLoopUtilization();
  const { heapUsed, rss } = memoryUsage();
  process.send?.({ cpuMs: (user + system) / 1_000, loopMs: active, heapBytes: heapUsed, rssBytes: rss });
});
process.channel?.unref();
