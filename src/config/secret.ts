import { inspect } from 'node:util';

/**
 * A value that is never printed: logs, errors, JSON and template strings show `[redacted]`. Only {@link Secret.reveal} returns the
 * value, so every use of it can be found by that name.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the code that sends or checks it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}
