/**
 * Gathers items while a write runs, and writes them together: one flush to the disk for all of them. Writes never overlap.
 * @returns how to write an item. It waits for that write, returns its result, and rejects when the write fails.
 */
export function createGroupCommit<Item, Result = void>(
  write: (items: readonly Item[]) => Promise<Result>,
): (item: Item) => Promise<Result> {
  let running: Promise<unknown> = Promise.resolve();
  let next: { readonly items: Item[]; readonly written: Promise<Result> } | undefined;
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
