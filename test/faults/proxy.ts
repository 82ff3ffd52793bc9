/**
 * A TCP proxy that stops a connection at an exact request: the state that a crash leaves can be set up to the byte,
 * without test hooks in the product.
 */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Bolt's COMMIT, a message without fields: only with it do others see the transaction's writes. */
export const COMMIT = Buffer.from([0x00, 0x02, 0xb0, 0x12, 0x00, 0x00]);

/** Bolt's RESET: what follows on the connection belongs to another transaction. */
const RESET = Buffer.from([0x00, 0x02, 0xb0, 0x0f, 0x00, 0x00]);

export interface StopCondition {
  /**
   * Consecutive requests of one connection, of one transaction, each identified by all its patterns. A request is what a
   * client sends until the server sends again.
   */
  requests: (string | Buffer)[][];
  /** `request`: the last one never arrives. `answer`: it arrives and is executed, and its response is held back. */
  hold: 'request' | 'answer';
  /** Once a connection is held, other requests with this pattern never arrive either: repetitions of the held one. */
  alsoBlock?: string;
}

export interface Stop {
  /** Resolves when a connection is held. */
  readonly reached: Promise<void>;
  /** Lets the held connections continue. */
  release(): void;
}

export interface TcpProxy {
  /** `host:port`, to be used instead of the server's own. */
  readonly address: string;
  /** Holds the next connection that meets the condition. */
  stopAt(condition: StopCondition): Stop;
  /** Ends every connection; what was held never arrives. */
  dropConnections(): void;
  close(): Promise<void>;
}

interface PendingStop extends StopCondition {
  /** How many of the requests a connection has sent. */
  seen: Map<Connection, number>;
  heldConnections: Set<Connection>;
  holdConnection(connection: Connection): void;
}

/**
 * @param target `host:port` of the server, which may stop and restart
 * @param ownPort default: any free port
 */
export async function startTcpProxy(target: string, ownPort = 0): Promise<TcpProxy> {
  const [host = '', port = ''] = target.split(':');
  const pendingStops = new Set<PendingStop>();
  const connections = new Set<Connection>();
  const server = createServer((client) => {
    const connection = new Connection(client, connect(Number(port), host), pendingStops);
    connections.add(connection);
    client.once('close', () => connections.delete(connection));
  });
  server.listen(ownPort, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stopAt(condition) {
      const { promise: reached, resolve } = Promise.withResolvers<void>();
      const heldConnections = new Set<Connection>();
      const stop: PendingStop = {
        ...condition,
        seen: new Map(),
        heldConnections,
        holdConnection(connection) {
          if (condition.alsoBlock === undefined) pendingStops.delete(stop);
          heldConnections.add(connection);
          resolve();
        },
      };
      pendingStops.add(stop);
      return {
        reached,
        release() {
          pendingStops.delete(stop);
          for (const connection of heldConnections) connection.release();
        },
      };
    },
    dropConnections() {
      for (const connection of connections) connection.destroy();
    },
    async close() {
      for (const connection of connections) connection.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #waiting: ReadonlySet<PendingStop>;
  /** Everything that the client has sent since the server last sent. */
  #request = Buffer.alloc(0);
  #holds: StopCondition['hold'] | undefined;
  #heldRequest: Buffer[] = [];
  #heldAnswer: Buffer[] = [];

  constructor(client: Socket, server: Socket, pendingStops: ReadonlySet<PendingStop>) {
    this.#client = client;
    this.#server = server;
    this.#waiting = pendingStops;
    client.on('data', (bytes) => this.#fromClient(bytes));
    server.on('data', (bytes) => this.#fromServer(bytes));
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // If either side closes, close both; the programs see the cause themselves.
      socket.on('error', () => this.destroy());
      socket.once('close', () => this.destroy());
    }
  }

  release(): void {
    this.#holds = undefined;
    for (const bytes of this.#heldRequest.splice(0)) this.#server.write(bytes);
    for (const bytes of this.#heldAnswer.splice(0)) this.#client.write(bytes);
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #fromClient(bytes: Buffer): void {
    this.#request = Buffer.concat([this.#request, bytes]);
    if (this.#waiting.size > 0) this.#holds ??= this.#standsAt();
    if (this.#holds === 'request') this.#heldRequest.push(bytes);
    else this.#server.write(bytes);
  }

  #fromServer(bytes: Buffer): void {
    this.#request = Buffer.alloc(0);
    if (this.#holds === 'answer') this.#heldAnswer.push(bytes);
    else this.#client.write(bytes);
  }

  #standsAt(): StopCondition['hold'] | undefined {
    const encodings = [this.#request, dechunk(this.#request)];
    if (this.#request.includes(RESET)) for (const { seen } of this.#waiting) seen.delete(this);
    for (const stop of this.#waiting) {
      const { alsoBlock, heldConnections } = stop;
      if (alsoBlock !== undefined && heldConnections.size > 0) {
        if (!encodings.some((encoding) => encoding.includes(alsoBlock))) continue;
        stop.holdConnection(this);
        return 'request';
      }
      // Several of its requests may be in flight concurrently.
      const unseenRequests = stop.requests.slice(stop.seen.get(this));
      const missing = unseenRequests.findIndex(
        (patterns) => !patterns.every((pattern) => encodings.some((encoding) => encoding.includes(pattern))),
      );
      if (missing > 0) stop.seen.set(this, stop.requests.length - unseenRequests.length + missing);
      if (missing >= 0) continue;
      stop.holdConnection(this);
      return stop.hold;
    }
    return undefined;
  }
}

const CHUNK_HEADER_BYTES = 2;

/** Bolt's chunks without their headers: the driver starts a new chunk every 1400 bytes, possibly within a pattern. */
function dechunk(bytes: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at + CHUNK_HEADER_BYTES <= bytes.length; ) {
    const end = at + CHUNK_HEADER_BYTES + bytes.readUInt16BE(at);
    chunks.push(bytes.subarray(at + CHUNK_HEADER_BYTES, end));
    at = end;
  }
  return Buffer.concat(chunks);
}
