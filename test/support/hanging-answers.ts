import { bytes, type RawAnswer, silence } from './raw-upstream.ts';

/** Sends a start, and then the same few bytes repeatedly, for ever. */
function drip(beginning: string, drop: string): RawAnswer {
  return (socket) => {
    socket.write(beginning);
    const timer = setInterval(() => socket.write(drop), 30);
    socket.once('close', () => clearInterval(timer));
  };
}

/** Sends the text slowly, byte by byte, and restarts at its end. */
function trickle(text: string): RawAnswer {
  return (socket) => {
    let sent = 0;
    const timer = setInterval(() => socket.write(text.charAt(sent++ % text.length)), 30);
    socket.once('close', () => clearInterval(timer));
  };
}

const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

/** Answers whose status never arrives, by what upstream does instead. */
export const withoutStatus: readonly [how: string, answer: RawAnswer][] = [
  ['says nothing', silence],
  ['sends a byte of its status line now and then', trickle('HTTP/1.1 200 OK and so on and on and on')],
  ['never ends its headers', drip('HTTP/1.1 200 OK\r\n', 'x: y\r\n')],
  ['announces an answer for ever', drip('', 'HTTP/1.1 102 Processing\r\n\r\n')],
];

/** Answers with 200 whose end never arrives. */
export const withoutEnd: readonly [how: string, answer: RawAnswer][] = [
  ['stalls in its body', bytes('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"id":"e1"')],
  ['sends a byte of its body now and then', drip('HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n', 'x')],
  ['sends a chunk that never ends', drip(`${chunked}ffffff\r\n`, 'x')],
  ['never ends its chunks', drip(chunked, '1\r\nx\r\n')],
  ['never closes an HTTP/1.0 connection', bytes('HTTP/1.0 200 OK\r\n\r\n{"id":"e1"}')],
];
