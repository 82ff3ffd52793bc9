/**
 * A gRPC client that only sends and receives, over Node's own HTTP/2. grpc-js's client costs as much as a server: with it
 * a benchmark would measure the caller.
 */

import { connect } from 'node:http2';

export interface GrpcCaller {
  /** @throws Error naming the status, if it is not OK */
  call(message: Uint8Array): Promise<Buffer>;
  close(): void;
}

const PREFIX_BYTES = 5;

/** @param path of one method, such as `/package.Service/Method` */
export function openGrpcCaller(address: string, path: string): GrpcCaller {
  const session = connect(`http://${address}`);
  const headers = {
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    // Callers that route a payment set a deadline.
    'grpc-timeout': '5S',
  };
  return {
    call: (message) =>
      new Promise((resolve, reject) => {
        const stream = session.request(headers);
        const chunks: Buffer[] = [];
        let status: unknown;
        const readStatus = (received: Record<string, unknown>) => {
          status = received['grpc-status'] ?? status;
        };
        stream.on('response', readStatus);
        stream.on('trailers', readStatus);
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('error', reject);
        stream.on('end', () => {
          if (status === '0') resolve(Buffer.concat(chunks).subarray(PREFIX_BYTES));
          else reject(new Error(`${path} returned gRPC status ${String(status)}`));
        });
        stream.end(framed(message));
      }),
    close: () => session.close(),
  };
}

/** One uncompressed message: a zero byte, its length in four bytes, and the message. */
function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(PREFIX_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}
