import type { Target } from './targets.ts';

/** What the log says of one engagement. */
export interface Logged {
  /** How many lines tell of a delete, repetitions among them. */
  readonly lines: number;
  /** How often a delete of it was attempted. */
  readonly attempts: number;
  /** The lines themselves, when they are kept. */
  readonly texts: readonly string[];
}

const nothing: Logged = { lines: 0, attempts: 0, texts: [] };

/**
 * The lines of a facade's log that tell of a delete, by engagement: one for each that was executed, also for one that was
 * answered from memory.
 */
export class DeleteLog {
  readonly #logged = new Map<string, Logged>();
  readonly #keepsTexts: boolean;
  #lineCount = 0;

  /** @param keepsTexts keep the lines themselves too: those of a million deletes are half a gigabyte. */
  constructor(keepsTexts: boolean) {
    this.#keepsTexts = keepsTexts;
  }

  /** Takes a line, unless it tells of something else. */
  take(line: string): boolean {
    if (!line.endsWith('"msg":"delete"}') && !line.endsWith('"msg":"delete repeated"}')) return false;
    const { integratedAccountId, engagementId, attempts = 0 } = JSON.parse(line);
    const key = `${integratedAccountId} ${engagementId}`;
    const before = this.#logged.get(key) ?? nothing;
    this.#logged.set(key, {
      lines: before.lines + 1,
      attempts: before.attempts + attempts,
      texts: this.#keepsTexts ? [...before.texts, line] : before.texts,
    });
    this.#lineCount += 1;
    return true;
  }

  /** How many there are. */
  get lineCount(): number {
    return this.#lineCount;
  }

  /** What it says of that engagement. */
  of({ account, id }: Target): Logged {
    return this.#logged.get(`${account} ${id}`) ?? nothing;
  }
}
