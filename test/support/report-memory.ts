/** Preloaded into a server under test: answers `peak` over IPC with the most memory the process ever held, in bytes. */
process.on('message', (message) => {
  if (message === 'peak') process.send?.(process.resourceUsage().maxRSS * 1024);
});
process.channel?.unref();
