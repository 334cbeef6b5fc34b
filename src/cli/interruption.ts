/** What asks a command to stop: Ctrl-C, whoever runs it, and the terminal when it goes. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborted by the first of those signals: what was sent is finished. A second one, whichever, ends the process at once. */
export function onInterruption(): { readonly signal: AbortSignal; forget(): void } {
  const controller = new AbortController();
  function forget(): void {
    for (const name of signals) process.off(name, abort);
  }
  function abort(name: NodeJS.Signals): void {
    const isSecond = controller.signal.aborted;
    controller.abort();
    if (!isSecond) return;
    forget();
    process.kill(process.pid, name);
  }
  for (const name of signals) process.on(name, abort);
  return { signal: controller.signal, forget };
}
