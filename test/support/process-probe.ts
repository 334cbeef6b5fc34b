/** A probe, preloaded into a server under test and told over IPC what to do. It keeps the process from ending by nothing. */
process.on('message', (message) => {
  // Answers with the most memory the process ever held, in bytes.
  if (message === 'peak') process.send?.(process.resourceUsage().maxRSS * 1024);
  if (message === 'throw') {
    setTimeout(() => {
      throw new Error('thrown by the probe');
    });
  }
  if (message === 'reject') Promise.reject(new Error('rejected by the probe'));
});
process.channel?.unref();
