/**
 * The HTTP client for charges: one try on a dedicated connection, reporting whether anything was sent. Also used for
 * reads that must be abortable.
 *
 * The SDK's default client cannot be used for charges. It resends a request whenever its connection is closed
 * (ECONNRESET, EPIPE), even with `maxNetworkRetries: 0`, and a stale keep-alive connection looks the same as one that
 * broke after the charge had arrived.
 */

import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Stripe } from 'stripe';

/**
 * No response was received. Deliberately without the `code` of its cause, because of which the SDK would resend the
 * request. `sent` false: nothing left this machine.
 */
export class TransportFault extends Error {
  readonly sent: boolean;

  constructor(sent: boolean, cause: unknown) {
    super(cause instanceof Error ? describe(cause) : String(cause), { cause });
    this.name = 'TransportFault';
    this.sent = sent;
  }
}

/** `signal` aborts the request; the SDK's `timeout` applies to the whole request, not only to idle time. */
export function chargeTransport(signal?: AbortSignal): Stripe.HttpClient {
  return {
    getClientName: () => 'persona-charge',
    makeRequest: (host, port, path, method, headers, body, protocol, timeoutMs) => {
      const deadline = AbortSignal.timeout(timeoutMs);
      return exchange(protocol, body, {
        host,
        port,
        path,
        method,
        headers,
        // A dedicated connection, closed afterwards.
        agent: false,
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
    },
  };
}

function exchange(
  protocol: string,
  body: string,
  options: RequestOptions,
): Promise<ReturnType<typeof response>> {
  return new Promise((resolve, reject) => {
    let sent = false;
    const fail = (error: unknown) => reject(new TransportFault(sent, error));
    const secure = protocol !== 'http';
    const request = (secure ? httpsRequest : httpRequest)(options);
    request.once('socket', (socket) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        sent = true;
      });
    });
    request.once('error', fail);
    request.once('response', (message) => {
      const chunks: Buffer[] = [];
      message.on('data', (chunk: Buffer) => chunks.push(chunk));
      message.once('error', fail);
      message.once('end', () => resolve(response(message, Buffer.concat(chunks).toString('utf8'))));
    });
    request.end(body);
  });
}

function response(message: IncomingMessage, body: string) {
  return {
    getStatusCode: () => message.statusCode ?? 0,
    getHeaders: () => message.headers as Record<string, string>,
    getRawResponse: () => message,
    toStream: () => {
      throw new Error('A charge is never streamed');
    },
    toJSON: async () => JSON.parse(body) as unknown,
  };
}

function describe(error: Error): string {
  if (error.name === 'TimeoutError') return 'no response in time';
  if (error.name === 'AbortError' && error.cause instanceof Error) return describe(error.cause);
  return error.message || ((error as NodeJS.ErrnoException).code ?? error.name);
}
