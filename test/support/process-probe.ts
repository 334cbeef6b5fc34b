import { keepCaptured, keepSecrets } from './captured.ts';
import { tapServers } from './tap.ts';

/** A probe, preloaded into a server under test and told over IPC what to do. It keeps the process from ending by nothing. */
process.on('message', (message) => {
  // Answers with the most memory the process ever held, in bytes.
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

/** The most of one connection's answers that is kept, in characters: some tests stream a quarter of a gigabyte. */
const maxKeptLength = 1024 * 1024;

/** How much of each connection's answers is kept so far. */
const keptLengths = new WeakMap<object, number>();

// Written at once, since a server under test may be killed at any time.
tapServers({
  isOurs: () => true,
  onAnswer(piece, socket) {
    const kept = keptLengths.get(socket) ?? 0;
    if (kept < maxKeptLength) keepCaptured(piece.slice(0, maxKeptLength - kept));
    keptLengths.set(socket, kept + piece.length);
  },
  onToken: (token) => keepSecrets([token]),
});
