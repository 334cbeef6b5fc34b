/** Aborted by the first Ctrl-C or `SIGTERM`: what was sent is finished. A second one ends the process at once. */
export function onInterruption(): { readonly signal: AbortSignal; forget(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  process.once('SIGINT', abort).once('SIGTERM', abort);
  return {
    signal: controller.signal,
    forget: () => void process.off('SIGINT', abort).off('SIGTERM', abort),
  };
}
