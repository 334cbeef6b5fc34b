import type { DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { withEscapes } from './foreign-text.ts';

/** Text of a caller or of upstream, escaped as in JSON: it cannot break the line. */
const inOneLine = (text: unknown) => JSON.stringify(String(text)).slice(1, -1);

const time = { translateTime: 'SYS:HH:MM:ss.l' };
const prettify = prettyFactory(time);

/** A delete's line has what a person looks for. The line of JSON has more. */
const prettifyDelete = prettyFactory({
  ...time,
  hideObject: true,
  messageFormat({ engagementId, integratedAccountId, integration, result, detail, durationMs, callerId }) {
    const end = result === 'DeleteEngagementSuccess' ? detail : `${result}: ${detail}`;
    const where = `${integration ?? 'account'} ${integratedAccountId}`;
    return inOneLine(
      `delete ${engagementId}: ${end} (${where}, caller ${callerId}, ${Math.round(Number(durationMs))} ms)`,
    );
  },
});

/** A destination for a log's lines: standard output, with each line written for people, at once. */
export function createTerminalDestination(): DestinationStream {
  // A server goes on when the window that it was started in is closed.
  process.stdout.on('error', () => {});
  return {
    write(line) {
      const isDelete = line.endsWith('"msg":"delete"}\n');
      process.stdout.write(withEscapes(isDelete ? prettifyDelete(line) : prettify(line)));
    },
  };
}
