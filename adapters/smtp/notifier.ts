/** Sends finished notices by e-mail through an SMTP server (docs/reference/interfaces.md, 'Notifier'). */

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createTransport, type NodemailerError, type SendMailOptions } from 'nodemailer';
import { PersonaError } from '../../domain/errors.ts';
import type { Notice, Notifier } from '../../domain/ports.ts';
import { traced } from '../../platform/tracing.ts';

/** For the whole SMTP session. */
const TIMEOUT_MS = 10_000;
/** Replies that concern authentication: a fault of our settings, not of this notice. */
const LOGIN_REPLIES = [530, 534, 535, 538];
/** The commands that concern one message; a refusal before them concerns every message. */
const MAIL_COMMANDS = ['MAIL FROM', 'RCPT TO', 'DATA'];
/** An address or a size that this server can never accept, detected before anything was sent. */
const PERMANENT_ERROR_CODES = ['EENVELOPE', 'EMESSAGE'];

export interface SmtpOptions {
  /** `NOTIFY_SMTP_URL`, as nodemailer reads it: `smtp://user:password@host:587`, `smtps://…`, `…?requireTLS=true`. */
  url: string;
  /** `NOTIFY_FROM`: an address, with or without a name: `Shop <billing@shop.example>`. */
  from: string;
}

/** Mail servers do not reliably deduplicate, not even by Message-ID: what may have been accepted is not sent again. */
export function createSmtpNotifier({ url, from }: SmtpOptions): Notifier {
  const { host } = new URL(url);
  return {
    deduplicates: false,
    async deliver(notice, options = {}) {
      if (notice.channel !== 'email') {
        throw new PersonaError(
          'notice_refused',
          `A notice by ${notice.channel} cannot be sent by SMTP; it needs a receiver at NOTIFY_WEBHOOK_URL`,
        );
      }
      const deadline = AbortSignal.timeout(TIMEOUT_MS);
      const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
      let contentRequested = false;
      const transport = createTransport({ url, disableFileAccess: true, disableUrlAccess: true });
      transport.use('stream', ({ message }, done) => {
        message.processFunc((content: Readable) =>
          // Read only after the server has accepted the recipient and requests the content.
          onFirstRead(content, () => {
            contentRequested = true;
          }),
        );
        done();
      });
      try {
        await traced('send mail', {}, () => transport.sendMail({ ...mailOf(notice, from), signal }));
      } catch (error) {
        throw failureOf(error as NodemailerError, host, contentRequested);
      }
    },
  };
}

/** Connects to the mail server of `NOTIFY_SMTP_URL` and logs in. @throws Error of nodemailer, whose `code` is its kind */
export async function verifyMailServer(url: string): Promise<void> {
  const timeouts = { connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS };
  const transport = createTransport({ url, ...timeouts });
  try {
    await transport.verify();
  } finally {
    transport.close();
  }
}

/** Stable per notification, whichever process sends it and when. */
export function messageId(notificationId: string, from: string): string {
  const domain = from.slice(from.lastIndexOf('@') + 1).replace('>', '');
  return `<${createHash('sha256').update(notificationId).digest('hex').slice(0, 40)}@${domain.trim()}>`;
}

function mailOf(notice: Notice, from: string): SendMailOptions {
  return {
    from,
    // An object, so that no part of an address is parsed as a second recipient.
    to: { name: '', address: notice.to },
    subject: notice.subject,
    text: notice.text,
    html: notice.html,
    date: notice.created_at,
    messageId: messageId(notice.notification_id, from),
    headers: {
      // RFC 3834: suppresses automatic replies.
      'Auto-Submitted': 'auto-generated',
      'Persona-Notification-Id': notice.notification_id,
      'Persona-Customer-Id': notice.customer_id,
    },
  };
}

function onFirstRead(content: Readable, onRead: () => void): Readable {
  async function* read() {
    onRead();
    yield* content;
  }
  return Readable.from(read(), { objectMode: false });
}

/** What a failure means for the notice. @param contentRequested the server had requested the content */
function failureOf(error: NodemailerError, host: string, contentRequested: boolean): PersonaError {
  const { command = '', code = '', responseCode, permanent } = error;
  const summary = failureSummary(error);
  if (responseCode === undefined) {
    if (contentRequested) {
      const text = `The mail server at ${host} was sent this notice and did not confirm it (${summary})`;
      return new PersonaError('notice_unresolved', text);
    }
    if (PERMANENT_ERROR_CODES.includes(code)) {
      return new PersonaError(
        'notice_refused',
        `The mail server at ${host} cannot accept this notice: ${summary}`,
      );
    }
  } else if (permanent && MAIL_COMMANDS.includes(command) && !LOGIN_REPLIES.includes(responseCode)) {
    return new PersonaError('notice_refused', `The mail server at ${host} refused this notice: ${summary}`);
  }
  return new PersonaError(
    'notifier_unavailable',
    `The mail server at ${host} is unavailable (${summary}). Check the address and credentials in NOTIFY_SMTP_URL; 'npm start' runs an inbox for development.`,
  );
}

/** Codes only: the server's own text repeats the recipient's address, and this goes into logs and events. */
function failureSummary({ command, code, originalCode, response, responseCode }: NodemailerError): string {
  if (responseCode === undefined) return originalCode ?? code ?? 'unknown error';
  const [reply] = /^\d{3}([ -]\d\.\d{1,3}\.\d{1,3})?/.exec(response ?? '') ?? [responseCode];
  return `${reply} to ${command}`;
}
