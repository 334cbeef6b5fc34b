/** Where a line is in its file. */
export interface LinePosition {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** One line of a file, without its line break. */
export interface FileLine extends LinePosition {
  /** From 1 on. */
  readonly number: number;
  readonly bytes: Buffer;
  /** True for a last line without a line break: its writer was stopped. */
  readonly isTorn: boolean;
}

/** A record with its notes and `remote_data` is at most some megabytes. */
const maxLineBytes = 64 * 1024 * 1024;

const newline = 0x0a;

/** A line is longer than any of an undo file. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
}

/** Splits a file into its lines. Empty ones are left out. @throws {LineTooLong} */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<FileLine> {
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  let offsetBytes = 0;
  let number = 1;
  function line(isTorn: boolean): FileLine {
    const bytes = Buffer.concat(pieces);
    pieces = [];
    pieceBytes = 0;
    return { number, offsetBytes, lengthBytes: bytes.length, bytes, isTorn };
  }
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      pieces.push(chunk.subarray(start, end));
      const next = line(false);
      if (next.lengthBytes > 0) yield next;
      offsetBytes += next.lengthBytes + 1;
      number += 1;
      start = end + 1;
    }
    pieces.push(chunk.subarray(start));
    pieceBytes += chunk.length - start;
    if (pieceBytes > maxLineBytes) throw new LineTooLong(`Line ${number} is larger than 64 MiB`);
  }
  const last = line(true);
  if (last.lengthBytes > 0) yield last;
}
