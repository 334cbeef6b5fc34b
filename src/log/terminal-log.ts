import type { DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { shortened, withEscapes } from './foreign-text.ts';

/** Text of a caller or of upstream cannot break the line: its control characters are escaped as in JSON. */
const inOneLine = (text: string) => text.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));

/** A caller without a name is a hash of 43 characters. */
const maxCallerCharacters = 20;

const time = { translateTime: 'SYS:HH:MM:ss.l' };
const prettify = prettyFactory(time);

/** A delete's line has what a person looks for. The line of JSON has more. */
const prettifyDelete = prettyFactory({
  ...time,
  hideObject: true,
  messageFormat({ engagementId, integratedAccountId, integration, result, detail, durationMs, callerId }) {
    const end = result === 'DeleteEngagementSuccess' ? detail : `${result}: ${detail}`;
    const where = `${integration ?? 'account'} ${integratedAccountId}`;
    const caller = shortened(String(callerId), maxCallerCharacters);
    return inOneLine(
      `delete ${engagementId}: ${end} (${where}, caller ${caller}, ${Math.round(Number(durationMs))} ms)`,
    );
  },
});

/** A destination for log lines: standard output. It formats each line for people, and writes it at once. */
export function createTerminalDestination(): DestinationStream {
  // The server must not end when its terminal is closed.
  process.stdout.on('error', () => {});
  return {
    write(line) {
      const isDelete = line.endsWith('"msg":"delete"}\n');
      process.stdout.write(withEscapes(isDelete ? prettifyDelete(line) : prettify(line)));
    },
  };
}
