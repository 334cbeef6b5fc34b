import { type AddressInfo, createServer } from 'node:net';
import { type Answer, accountAnswer, deleteAnswers, pageAnswer, unknownAnswer, userAnswers } from './answers.ts';
import { Connection } from './connection.ts';

/**
 * Upstream as a process of its own, as cheap as it can be made in Node: bare sockets, ready-made answers, and of each
 * request only what the answer depends on is read. None of them has a body. It tells its address over IPC, and on
 * request how many requests it has answered.
 */

const deletePath = 'DELETE /unified/crm/engagements/';
const userPath = 'GET /unified/crm/users/';
const pagePath = 'GET /unified/crm/engagements?';
const accountPath = 'GET /integrated-account/';

/** The path segment that begins there. */
function segmentAt(text: string, start: number): string {
  for (let end = start; end < text.length; end += 1) {
    const character = text[end];
    if (character === '?' || character === ' ') return text.slice(start, end);
  }
  return '';
}

/** The answer to the request whose head begins at `start`. */
function answerTo(text: string, start: number): Answer {
  if (text.startsWith(deletePath, start)) {
    return deleteAnswers.get(segmentAt(text, start + deletePath.length)) ?? unknownAnswer;
  }
  if (text.startsWith(userPath, start)) {
    return userAnswers.get(segmentAt(text, start + userPath.length)) ?? unknownAnswer;
  }
  if (text.startsWith(pagePath, start)) return pageAnswer;
  return text.startsWith(accountPath, start) ? accountAnswer : unknownAnswer;
}

let requestCount = 0;

const server = createServer({ noDelay: true }, (socket) => {
  const connection = new Connection(socket);
  let rest = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    const text = rest + chunk;
    let start = 0;
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n', start)) {
      requestCount += 1;
      const { bytes, delayMs, lean } = answerTo(text, start);
      const isLean = lean !== undefined && text.slice(start, end).includes('truto_exclude_fields');
      connection.send(isLean ? lean : bytes, delayMs);
      start = end + 4;
    }
    rest = start === text.length ? '' : text.slice(start);
  });
  socket.on('error', () => {});
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('message', () => process.send?.({ requestCount }));
process.on('disconnect', () => process.exit());
