import { LRUCache } from 'lru-cache';
import type { Selection } from '../../engagement/record.ts';
import type { Context } from '../core/context.ts';

/** How many characters of keys are kept; a field takes some 15 of them. */
const maxCharacters = 1024 * 1024;
const maxSelections = 1_000;

/** Writes a value as the JSON text that the executor's result for it would have. Throws for what would be an error. */
export type Write = (value: unknown, context: Context) => string;

/** A writer, and the number that stands for it in the keys of those that hold it. */
export interface SharedWriter {
  readonly id: number;
  readonly write: Write;
}

/**
 * What prepared operations have in common. Clients write the same selections again and again, under other names of
 * operations and in other combinations: equal parts are made once, and so thousands of operations take little memory.
 */
export class SharedParts {
  readonly #writers = new LRUCache<string, SharedWriter>({
    maxSize: maxCharacters,
    sizeCalculation: (_writer, key) => key.length,
  });
  readonly #selections = new LRUCache<string, Selection>({ max: maxSelections });
  #writerCount = 0;
  #fieldCount = 0;

  /** How many fields the writers have that were made so far: what was made of one plan is what it does not share. */
  get fieldCount(): number {
    return this.#fieldCount;
  }

  /**
   * The writer for that key, made when there is none.
   * @param key says everything that `make` depends on.
   * @param fieldCount of the writer itself.
   */
  writer(key: string, fieldCount: number, make: () => Write): SharedWriter {
    let writer = this.#writers.get(key);
    if (!writer) {
      this.#writerCount += 1;
      this.#fieldCount += fieldCount;
      writer = { id: this.#writerCount, write: make() };
      this.#writers.set(key, writer);
    }
    return writer;
  }

  /** The selection that is equal to the given one, and was the first of them. */
  selection(selection: Selection): Selection {
    const key = `${[...selection.fields]} ${[...selection.noteFields]} ${selection.chunks}`;
    const known = this.#selections.get(key);
    if (!known) this.#selections.set(key, selection);
    return known ?? selection;
  }
}
