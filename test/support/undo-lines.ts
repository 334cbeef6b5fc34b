import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An undo file's line. */
interface UndoLine {
  readonly integratedAccountId: string;
  readonly readAt: string;
  // biome-ignore lint/suspicious/noExplicitAny: a record as the provider's integration has it.
  readonly engagement: any;
}

/** Reads the undo files of a bulk delete. Text after a file's last newline is torn: its engagement was not deleted. */
export function readUndoLines(path: string): {
  readonly files: readonly string[];
  readonly lines: readonly UndoLine[];
} {
  const files = readdirSync(path);
  const lines = files.flatMap((file) => readFileSync(join(path, file), 'utf8').split('\n').slice(0, -1));
  return { files, lines: lines.map((line) => JSON.parse(line)) };
}
