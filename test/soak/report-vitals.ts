import { memoryUsage } from 'node:process';

let hasShedStart = false;

/**
 * The first time also throws away the code that only starting needed, which V8 would otherwise do some time later: the
 * heap would seem to shrink.
 */
function collectGarbage(): void {
  if (hasShedStart) globalThis.gc?.();
  else globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  hasShedStart = true;
}

/** Preloaded into a facade under test: answers `vitals` over IPC with what it holds once all garbage is collected. */
process.on('message', (message) => {
  if (message !== 'vitals') return;
  collectGarbage();
  const { heapUsed: heapUsedBytes, rss: rssBytes } = memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const count = (name: string) => resources.filter((resource) => resource === name).length;
  process.send?.({ heapUsedBytes, rssBytes, sockets: count('TCPSocketWrap'), timers: count('Timeout') });
});
process.channel?.unref();
