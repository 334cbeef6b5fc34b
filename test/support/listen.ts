import type { AddressInfo, Server, Socket } from 'node:net';

/** A server of a test, with its address. Its end breaks all of its connections. */
export interface Listening extends AsyncDisposable {
  readonly port: number;
  /** Host and port. */
  readonly host: string;
  /** Its address for HTTP. */
  readonly url: string;
  /** The number of connections opened so far. */
  connectionCount(): number;
}

/** Lets a server of any protocol listen, by default on any free port of this machine. */
export async function listen(server: Server, wantedPort = 0, address = '127.0.0.1'): Promise<Listening> {
  const open = new Set<Socket>();
  let connectionCount = 0;
  server.on('connection', (socket: Socket) => {
    connectionCount += 1;
    open.add(socket);
    socket.on('error', () => {}).once('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(wantedPort, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = `${address}:${port}`;
  return {
    ...{ port, host, url: `http://${host}`, connectionCount: () => connectionCount },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
