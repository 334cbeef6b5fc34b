import { beforeEach } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** How often the file's tests came to each stretch of the source. */
    reached?: Readonly<Record<string, number>>;
  }
}

/** In each test file, while it is looked which stretches its tests come to (`addProbes`). */
const reached: Record<string, number> = {};
Object.assign(globalThis, {
  countReached: (stretch: string) => {
    reached[stretch] = (reached[stretch] ?? 0) + 1;
  },
});

// As the file's, it is read when all its tests are through.
beforeEach(({ task }) => {
  task.file.meta.reached = reached;
});
