/**
 * Decrypts payloads for Temporal's UI and command line (the decoding half of Temporal's remote codec protocol), so that
 * operators can read inputs, summaries and failures. Because it returns plain text, it listens on loopback only, refuses
 * every browser origin except the UI's, and asks for an operator's access token.
 */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Payload } from '@temporalio/common';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ERRORS, PersonaError } from '../domain/errors.ts';
import type { Logger } from '../platform/logs.ts';
import type { PayloadKey } from '../security/payload-cipher.ts';
import { createPayloadCodec } from './codec.ts';

/** One page of a history; Temporal allows 2 MiB per payload. */
const MAX_BODY_BYTES = 32 * 1_024 * 1_024;

/** A payload in protobuf's JSON mapping: bytes in base64. */
interface JsonPayload {
  metadata?: Record<string, string>;
  data?: string;
}

export interface CodecServerOptions {
  /** 0: any free port. */
  port: number;
  /** The UI's origins, such as `http://127.0.0.1:8233`; other browser origins are refused. */
  origins: readonly string[];
  keys: readonly PayloadKey[];
  /** @param authorization the request's header @throws PersonaError if the caller may not read payloads */
  authorise(authorization: string | undefined): Promise<void>;
  logger: Logger;
}

/** Serves `POST /decode` on loopback. @returns its URL, for the UI's `--ui-codec-endpoint` */
export async function serveCodec(
  options: CodecServerOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createAdaptorServer({ fetch: createCodecApp(options).fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The server's routes, without a socket. */
export function createCodecApp({ origins, keys, authorise, logger }: Omit<CodecServerOptions, 'port'>): Hono {
  const codec = createPayloadCodec(keys);
  const app = new Hono();
  app.use(async (c, next) => {
    const origin = c.req.header('origin');
    // A third-party page in an operator's browser must not reach the endpoint. The command line sends no origin.
    if (origin === undefined || origins.includes(origin)) return next();
    logger.warn({ origin }, 'decode request from a foreign origin refused');
    return c.json(
      { message: `origin ${origin} is not allowed: CODEC_ORIGINS lists the allowed origins` },
      403,
    );
  });
  app.use(
    cors({
      origin: [...origins],
      allowMethods: ['POST'],
      allowHeaders: ['content-type', 'x-namespace', 'authorization'],
      maxAge: 600,
    }),
  );
  app.use(async (c, next) => {
    await authorise(c.req.header('authorization'));
    await next();
  });
  app.onError((error, c) => {
    if (!(error instanceof PersonaError)) throw error;
    logger.warn({ type: error.type, reason: error.message }, 'decode request refused');
    if (error.type === 'unauthenticated') c.header('www-authenticate', 'Bearer');
    return c.json({ message: error.message }, ERRORS[error.type].http as ContentfulStatusCode);
  });
  app.post('/decode', bodyLimit({ maxSize: MAX_BODY_BYTES }), async (c) => {
    const sealed = readPayloads(await c.req.json().catch(() => undefined));
    if (sealed === undefined) return c.json({ message: 'the body must be {"payloads": […]}' }, 400);
    const payloads = await Promise.all(sealed.map(open));
    logger.info({ namespace: c.req.header('x-namespace'), payloads: payloads.length }, 'payloads decoded');
    return c.json({ payloads: payloads.map(toJson) });
  });

  /** Returns a payload that no key decrypts unchanged, so that the others can still be read. */
  async function open(payload: Payload): Promise<Payload> {
    try {
      const [opened = payload] = await codec.decode([payload]);
      return opened;
    } catch (error) {
      logger.warn(
        { reason: error instanceof Error ? error.message : String(error) },
        'payload could not be decrypted',
      );
      return payload;
    }
  }
  return app;
}

function readPayloads(body: unknown): Payload[] | undefined {
  const { payloads } = (body ?? {}) as { payloads?: unknown };
  if (!Array.isArray(payloads) || !payloads.every(isPayload)) return undefined;
  return payloads.map(({ metadata = {}, data }) => ({
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, bytes(value)])),
    ...(data !== undefined && { data: bytes(data) }),
  }));
}

function isPayload(value: unknown): value is JsonPayload {
  if (typeof value !== 'object' || value === null) return false;
  const { metadata = {}, data = '' } = value as Record<string, unknown>;
  const isRecord = typeof metadata === 'object' && metadata !== null;
  return (
    isRecord && typeof data === 'string' && Object.values(metadata).every((one) => typeof one === 'string')
  );
}

function toJson({ metadata, data }: Payload): JsonPayload {
  const named = Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)] as const);
  return { metadata: Object.fromEntries(named), ...(data && { data: base64(data) }) };
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
const base64 = (value: Uint8Array): string => Buffer.from(value).toString('base64');
