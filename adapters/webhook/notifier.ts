/** Posts finished notices to the receiver that sends them (docs/reference/interfaces.md, 'Notifier'). */

import { createHmac } from 'node:crypto';
import { PersonaError } from '../../domain/errors.ts';
import type { Notifier } from '../../domain/ports.ts';
import { traced } from '../../platform/tracing.ts';

const TIMEOUT_MS = 10_000;
/** Responses that are worth a retry. */
const RETRYABLE_STATUSES = [408, 429];

export interface WebhookOptions {
  /** `NOTIFY_WEBHOOK_URL` */
  url: string;
  /** `NOTIFY_WEBHOOK_SECRET`, shared with the receiver, which verifies the signature with it. */
  secret: string;
}

/** The receiver deduplicates by `Idempotency-Key`, the notification's id. */
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
      const request = { method: 'POST', headers, body };
      const status = await traced('POST notice', { 'http.request.method': 'POST' }, async (span) => {
        const answer = await post(url, request, options.signal);
        span?.setAttribute('http.response.status_code', answer);
        return answer;
      }).catch((error) => {
        throw unavailable(receiver, reasonOf(error), error);
      });
      if (status >= 200 && status < 300) return;
      if (status >= 400 && status < 500 && !RETRYABLE_STATUSES.includes(status)) {
        throw new PersonaError(
          'notice_refused',
          `The receiver of notices at ${receiver} refused this notice: ${status}`,
        );
      }
      throw unavailable(receiver, `it responded with ${status}`);
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
    // A redirected POST could turn into a GET, or reach an unintended host.
    redirect: 'manual',
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
  });
  await response.body?.cancel();
  return response.status;
}

function unavailable(receiver: string, reason: string, cause?: unknown): PersonaError {
  const message = `The receiver of notices at ${receiver} is unavailable (${reason}). Check NOTIFY_WEBHOOK_URL; 'npm start' runs an inbox for development.`;
  return new PersonaError('notifier_unavailable', message, { cause });
}

/** `fetch` puts the actual reason into the cause of its error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
