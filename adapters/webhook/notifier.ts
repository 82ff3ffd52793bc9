/** Hands finished notices to whoever sends them, by webhook (specification: interfaces, 'Notifications'). */

import { createHmac } from 'node:crypto';
import { PersonaError } from '../../domain/errors.ts';
import type { Notifier } from '../../domain/ports.ts';

const TIMEOUT_MS = 10_000;
/** Answers that may be different next time. */
const RETRYABLE_STATUSES = [408, 429];

export interface WebhookOptions {
  /** `NOTIFY_WEBHOOK_URL` */
  url: string;
  /** `NOTIFY_WEBHOOK_SECRET`: the receiver checks the signature with the same. */
  secret: string;
}

/** The receiver recognises a repeat by its `Idempotency-Key`, the notification's id. */
export function createWebhookNotifier({ url, secret }: WebhookOptions): Notifier {
  const { origin, pathname } = new URL(url);
  // Without its query, which may hold a secret.
  const receiver = `${origin}${pathname}`;
  return {
    deduplicates: true,
    async deliver(notice, options = {}) {
      const body = JSON.stringify(notice);
      const headers = {
        'content-type': 'application/json; charset=utf-8',
        'idempotency-key': notice.notification_id,
        'persona-signature': signature(body, secret, Math.floor(Date.now() / 1000)),
      };
      const status = await post(url, { method: 'POST', headers, body }, options.signal).catch((error) => {
        throw unavailable(receiver, reasonOf(error), error);
      });
      if (status >= 200 && status < 300) return;
      if (status >= 400 && status < 500 && !RETRYABLE_STATUSES.includes(status)) {
        throw new PersonaError(
          'notice_refused',
          `The receiver of notices at ${receiver} refuses this one: ${status}`,
        );
      }
      throw unavailable(receiver, `it answers ${status}`);
    },
  };
}

/** `t=<seconds>,v1=<HMAC-SHA256 of "t.body", in hex>` */
export function signature(body: string, secret: string, t: number): string {
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`;
}

async function post(url: string, request: RequestInit, signal: AbortSignal | undefined): Promise<number> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, {
    ...request,
    // A redirected POST could become a GET, or lead where the notice was never meant to go.
    redirect: 'manual',
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
  });
  await response.body?.cancel();
  return response.status;
}

function unavailable(receiver: string, reason: string, cause?: unknown): PersonaError {
  const message = `The receiver of notices at ${receiver} cannot be reached now (${reason}). NOTIFY_WEBHOOK_URL says where it is; 'npm start' runs an inbox for development.`;
  return new PersonaError('notifier_unavailable', message, { cause });
}

/** `fetch` hides what happened in the cause of its error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
