/** Mails finished notices through an SMTP server (specification: interfaces, 'Notifications'). */

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createTransport, type NodemailerError, type SendMailOptions } from 'nodemailer';
import { PersonaError } from '../../domain/errors.ts';
import type { Notice, Notifier } from '../../domain/ports.ts';

/** For the whole conversation. */
const TIMEOUT_MS = 10_000;
/** Replies that say 'log in first': about our settings, not about this notice. */
const LOGIN_REPLIES = [530, 534, 535, 538];
/** The commands that are about one mail; what is refused before them is refused for every mail. */
const MAIL_COMMANDS = ['MAIL FROM', 'RCPT TO', 'DATA'];
/** An address or a size that this server can never take: found out before anything was sent. */
const PERMANENT_ERROR_CODES = ['EENVELOPE', 'EMESSAGE'];

export interface SmtpOptions {
  /** `NOTIFY_SMTP_URL`, as nodemailer reads it: `smtp://user:password@host:587`, `smtps://…`, `…?requireTLS=true`. */
  url: string;
  /** `NOTIFY_FROM`: an address, with or without a name: `Shop <billing@shop.example>`. */
  from: string;
}

/** A mail server need not recognise a repeat, not even by its Message-ID: what it may have taken is not sent again. */
export function createSmtpNotifier({ url, from }: SmtpOptions): Notifier {
  const { host } = new URL(url);
  return {
    deduplicates: false,
    async deliver(notice, options = {}) {
      if (notice.channel !== 'email') {
        throw new PersonaError(
          'notice_refused',
          `A notice by ${notice.channel} cannot travel by SMTP: only a receiver at NOTIFY_WEBHOOK_URL can send it`,
        );
      }
      const deadline = AbortSignal.timeout(TIMEOUT_MS);
      const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
      let contentRequested = false;
      const transport = createTransport({ url, disableFileAccess: true, disableUrlAccess: true });
      transport.use('stream', ({ message }, done) => {
        message.processFunc((content: Readable) =>
          // Nobody reads it before the server has taken the recipient and asks for the content.
          onFirstRead(content, () => {
            contentRequested = true;
          }),
        );
        done();
      });
      try {
        await transport.sendMail({ ...mailOf(notice, from), signal });
      } catch (error) {
        throw failureOf(error as NodemailerError, host, contentRequested);
      }
    },
  };
}

/** The same for the same notification, whenever and by whichever process it is sent. */
export function messageId(notificationId: string, from: string): string {
  const domain = from.slice(from.lastIndexOf('@') + 1).replace('>', '');
  return `<${createHash('sha256').update(notificationId).digest('hex').slice(0, 40)}@${domain.trim()}>`;
}

function mailOf(notice: Notice, from: string): SendMailOptions {
  return {
    from,
    // An object, so that nothing in an address reads as a second one.
    to: { name: '', address: notice.to },
    subject: notice.subject,
    text: notice.text,
    html: notice.html,
    date: notice.created_at,
    messageId: messageId(notice.notification_id, from),
    headers: {
      // RFC 3834: nobody's absence note is to answer this.
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

/** What a failure means for the notice. @param contentRequested the server had asked for the content */
function failureOf(error: NodemailerError, host: string, contentRequested: boolean): PersonaError {
  const { command = '', code = '', responseCode, permanent } = error;
  const summary = failureSummary(error);
  if (responseCode === undefined) {
    if (contentRequested) {
      const text = `The mail server at ${host} got this notice and did not say whether it took it (${summary})`;
      return new PersonaError('notice_in_doubt', text);
    }
    if (PERMANENT_ERROR_CODES.includes(code)) {
      return new PersonaError(
        'notice_refused',
        `The mail server at ${host} cannot take this notice: ${summary}`,
      );
    }
  } else if (permanent && MAIL_COMMANDS.includes(command) && !LOGIN_REPLIES.includes(responseCode)) {
    return new PersonaError('notice_refused', `The mail server at ${host} refuses this notice: ${summary}`);
  }
  return new PersonaError(
    'notifier_unavailable',
    `The mail server at ${host} does not take notices now (${summary}). NOTIFY_SMTP_URL says where it is and how to log in; 'npm start' runs an inbox for development.`,
  );
}

/** Codes alone: a server's own words repeat the recipient's address, and this goes into logs and events. */
function failureSummary({ command, code, originalCode, response, responseCode }: NodemailerError): string {
  if (responseCode === undefined) return originalCode ?? code ?? 'unknown fault';
  const [reply] = /^\d{3}([ -]\d\.\d{1,3}\.\d{1,3})?/.exec(response ?? '') ?? [responseCode];
  return `${reply} to ${command}`;
}
