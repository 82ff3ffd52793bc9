/**
 * Opens payloads for Temporal's UI and command line (Temporal's remote codec protocol, the half that decodes), so that
 * operations can read inputs, summaries and failures. What it gives out is what the keys protect, so it listens on
 * loopback alone and answers no page but the UI's.
 */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Payload } from '@temporalio/common';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import type { Logger } from '../platform/logs.ts';
import type { PayloadKey } from '../security/payload-cipher.ts';
import { createPayloadCodec } from './codec.ts';

/** A page of a history, each payload of which Temporal lets be 2 MiB. */
const MAX_BODY_BYTES = 32 * 1_024 * 1_024;

/** A payload as protobuf's JSON has it: bytes in base64. */
interface JsonPayload {
  metadata?: Record<string, string>;
  data?: string;
}

export interface CodecServerOptions {
  /** 0 takes any free one. */
  port: number;
  /** Where the UI's pages come from, such as `http://127.0.0.1:8233`: browsers elsewhere get nothing. */
  origins: readonly string[];
  keys: readonly PayloadKey[];
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

/** The server without its socket. */
export function createCodecApp({ origins, keys, logger }: Omit<CodecServerOptions, 'port'>): Hono {
  const codec = createPayloadCodec(keys);
  const app = new Hono();
  app.use(async (c, next) => {
    const origin = c.req.header('origin');
    // A page of somebody else's in an operator's browser must not even be able to ask; the command line names no origin.
    if (origin === undefined || origins.includes(origin)) return next();
    logger.warn({ origin }, 'a page that is not the UI asked to decode');
    return c.json({ message: `Pages of ${origin} may not ask: CODEC_ORIGINS names those that may` }, 403);
  });
  app.use(
    cors({
      origin: [...origins],
      allowMethods: ['POST'],
      allowHeaders: ['content-type', 'x-namespace', 'authorization'],
      maxAge: 600,
    }),
  );
  app.post('/decode', bodyLimit({ maxSize: MAX_BODY_BYTES }), async (c) => {
    const sealed = readPayloads(await c.req.json().catch(() => undefined));
    if (sealed === undefined) return c.json({ message: 'the body must be {"payloads": […]}' }, 400);
    const payloads = await Promise.all(sealed.map(open));
    logger.info({ namespace: c.req.header('x-namespace'), payloads: payloads.length }, 'payloads decoded');
    return c.json({ payloads: payloads.map(toJson) });
  });

  /** One that no key opens stays as it is, so that the others can be read. */
  async function open(payload: Payload): Promise<Payload> {
    try {
      const [opened = payload] = await codec.decode([payload]);
      return opened;
    } catch (error) {
      logger.warn(
        { reason: error instanceof Error ? error.message : String(error) },
        'a payload stays sealed',
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
