/**
 * A gRPC client that only sends and receives, over Node's own HTTP/2. grpc-js's client costs as much as a server: with it
 * a benchmark would measure the caller.
 */

import { connect } from 'node:http2';
import type { Proof } from './proof.ts';

export interface GrpcCaller {
  /** @param metadata of this call alone @throws GrpcRefusal if the status is not OK */
  call(message: Uint8Array, metadata?: Record<string, string>): Promise<Buffer>;
  close(): void;
}

/** A response with another status than OK. */
export class GrpcRefusal extends Error {
  readonly status: string;

  constructor(path: string, status: string, message: string) {
    super(`${path} returned gRPC status ${status}: ${message}`);
    this.status = status;
  }
}

const PREFIX_BYTES = 5;

/**
 * All calls share one connection, as those of one agent do.
 *
 * @param path of one method, such as `/package.Service/Method`
 * @param proof absent: plain text
 */
export function openGrpcCaller(address: string, path: string, proof?: Proof): GrpcCaller {
  const session = connect(`${proof ? 'https' : 'http'}://${address}`, proof?.tls);
  // Calls in progress are rejected by their streams; without a listener an error would end the benchmark first.
  session.on('error', () => {});
  const headers = {
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    // Callers that route a payment set a deadline.
    'grpc-timeout': '5S',
    ...(proof?.token !== undefined && { authorization: `Bearer ${proof.token}` }),
  };
  return {
    call: (message, metadata) =>
      new Promise((resolve, reject) => {
        const stream = session.request(metadata ? { ...headers, ...metadata } : headers);
        const chunks: Buffer[] = [];
        let status: unknown;
        let problem: unknown;
        const readStatus = (received: Record<string, unknown>) => {
          status = received['grpc-status'] ?? status;
          problem = received['grpc-message'] ?? problem;
        };
        stream.on('response', readStatus);
        stream.on('trailers', readStatus);
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('error', reject);
        stream.on('end', () => {
          if (status === '0') resolve(Buffer.concat(chunks).subarray(PREFIX_BYTES));
          else reject(new GrpcRefusal(path, String(status), String(problem)));
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
