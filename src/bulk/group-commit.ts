/**
 * Gathers items while a write runs, and writes them together: one flush to the disk for all of them. Writes never overlap.
 * @returns how to write an item. It waits for that write, and rejects when the write fails.
 */
export function createGroupCommit<Item>(
  write: (items: readonly Item[]) => Promise<void>,
): (item: Item) => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  let next: { readonly items: Item[]; readonly written: Promise<void> } | undefined;
  return (item) => {
    if (!next) {
      const items: Item[] = [];
      const written = running.then(() => {
        next = undefined;
        return write(items);
      });
      running = written.catch(() => {});
      next = { items, written };
    }
    next.items.push(item);
    return next.written;
  };
}
