/** The inbox simulator: receives notices by webhook, as a mailing service would, and by SMTP, and shows every delivery. */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { Hono } from 'hono';
import { dropConnection, type HttpEnv, type RunningHttpServer, listen } from '../listen.ts';
import { readMode } from '../mode.ts';
import { startSmtpInbox } from './smtp.ts';

/**
 * `away`: connections are closed without a response; `error`: webhooks get a 500, mail a 451; `silent`: webhooks are
 * received and never get a response.
 */
const MODES = ['ok', 'away', 'error', 'silent'];
/** Maximum age of a signature, in seconds. */
const TOLERANCE_S = 300;

interface Message {
  via: 'webhook' | 'smtp';
  received_at: string;
  customer_id?: unknown;
  [field: string]: unknown;
}

export interface InboxSimulator extends RunningHttpServer {
  /** The URL to post notices to; `url` is the one to read them from. */
  webhook: string;
  /** The SMTP address: `host:port`. */
  smtp: string;
}

/**
 * Starts an inbox on 127.0.0.1.
 * @param options ports that are 0 or absent: any free one; with a `secret` only signed webhooks are accepted
 */
export async function startInboxSimulator(
  options: { port?: number; smtpPort?: number; secret?: string } = {},
): Promise<InboxSimulator> {
  const messages: Message[] = [];
  let mode = 'ok';
  const mail = await startSmtpInbox({
    ...(options.smtpPort !== undefined && { port: options.smtpPort }),
    mode: () => mode,
    onMail: (received) => void messages.push({ ...received, received_at: new Date().toISOString() }),
  });
  const app = new Hono<HttpEnv>();

  app.post('/webhook', async (c) => {
    if (mode === 'away') return dropConnection(c);
    if (mode === 'silent') return new Promise<Response>(() => {});
    if (mode === 'error') return c.json({ error: 'the inbox simulator is set to fail' }, 500);
    const body = await c.req.text();
    const problem = signatureProblem(c.req.header('persona-signature'), body, options.secret);
    if (problem !== undefined) return c.json({ error: problem }, 401);
    const notice = parseNotice(body);
    if (notice === undefined) return c.json({ error: 'the body must be a JSON object' }, 400);
    messages.push({ ...notice, via: 'webhook', received_at: new Date().toISOString() });
    return c.json({ received: true });
  });

  app.get('/messages', (c) => {
    const customer = c.req.query('customer_id');
    const data = messages.filter((message) => customer === undefined || message.customer_id === customer);
    return c.json({ data });
  });

  app.on(['POST', 'PUT'], '/_sim/mode', async (c) => {
    const requested = readMode(await c.req.text(), MODES);
    if (requested === undefined) return c.json({ error: `mode: must be one of ${MODES.join(', ')}` }, 400);
    mode = requested.mode;
    if (mode === 'away') mail.dropConnections();
    return c.json({ mode });
  });

  const httpServer = await listen(app.fetch, options.port);
  return {
    url: httpServer.url,
    webhook: `${httpServer.url}/webhook`,
    smtp: mail.address,
    close: async () => void (await Promise.all([httpServer.close(), mail.close()])),
  };
}

/** Why `Persona-Signature: t=…,v1=…` is invalid; not checked without a secret. */
function signatureProblem(
  header: string | undefined,
  body: string,
  secret: string | undefined,
): string | undefined {
  if (secret === undefined) return undefined;
  const [, t = '', v1 = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header ?? '') ?? [];
  const expected = createHmac('sha256', secret).update(`${t}.${body}`).digest();
  const given = Buffer.from(v1, 'hex');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return 'Persona-Signature does not match the body';
  }
  return Math.abs(Date.now() / 1000 - Number(t)) > TOLERANCE_S ? 'Persona-Signature is too old' : undefined;
}

function parseNotice(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
