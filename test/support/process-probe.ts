import { keepCaptured, keepSecrets } from './captured.ts';
import { tapServers } from './tap.ts';

/** A probe, preloaded into a server under test. It gets commands over IPC, and never keeps the process running. */
process.on('message', (message) => {
  // Answers with the peak memory of the process, in bytes.
  if (message === 'peak') process.send?.(process.resourceUsage().maxRSS * 1024);
  if (typeof message !== 'object' || message === null) return;
  const { fail, text } = message as { fail?: 'throw' | 'reject'; text?: string };
  if (fail === 'throw') {
    setTimeout(() => {
      throw new Error(text);
    });
  }
  if (fail === 'reject') Promise.reject(new Error(text));
});
process.channel?.unref();

/** How much of one connection's answers is kept at most, in characters. Some tests stream 256 MB. */
const maxKeptLength = 1024 * 1024;

/** How much of each connection's answers is kept so far. */
const keptLengths = new WeakMap<object, number>();

// Written at once: a test may kill the server at any time.
tapServers({
  isOurs: () => true,
  onAnswer(piece, socket) {
    const kept = keptLengths.get(socket) ?? 0;
    if (kept < maxKeptLength) keepCaptured(piece.slice(0, maxKeptLength - kept));
    keptLengths.set(socket, kept + piece.length);
  },
  onToken: (token) => keepSecrets([token]),
});
