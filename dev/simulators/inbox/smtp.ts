/** The inbox's SMTP server: receives mail as a provider's server would, without TLS or authentication. */

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { type AddressObject, type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';

export interface Mail {
  via: 'smtp';
  to: string;
  from: string;
  subject: string;
  text: string;
  html: string;
  message_id: string;
  /** From the headers `Persona-Notification-Id` and `Persona-Customer-Id`, if present. */
  notification_id?: string;
  customer_id?: string;
}

export interface SmtpInbox {
  /** `host:port` */
  address: string;
  /** Closes all open connections. */
  dropConnections: () => void;
  close: () => Promise<void>;
}

/**
 * Listens on 127.0.0.1.
 * @param options.port 0 or absent: any free one
 * @param options.mode read at every connection and every mail, as in `/_sim/mode`
 */
export async function startSmtpInbox(options: {
  port?: number;
  mode: () => string;
  onMail: (mail: Mail) => void;
}): Promise<SmtpInbox> {
  const { port = 0, mode, onMail } = options;
  const sockets = new Set<Socket>();
  const dropConnections = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const refusal = () =>
    mode() === 'error'
      ? Object.assign(new Error('the inbox simulator is set to fail'), { responseCode: 451 })
      : undefined;
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    onMailFrom: (_address, _session, done) => done(refusal()),
    onData: (stream, _session, done) => {
      simpleParser(stream, { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true })
        .then((parsed) => {
          const problem = refusal();
          if (problem === undefined) onMail(mailOf(parsed));
          done(problem);
        })
        .catch(done);
    },
  });
  // A client's error ends only its own connection.
  server.on('error', () => {});
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    if (mode() === 'away') socket.resetAndDestroy();
  });
  server.listen(port, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    address: `127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    dropConnections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        dropConnections();
      }),
  };
}

function mailOf(mail: ParsedMail): Mail {
  const header = (name: string) => {
    const value = mail.headers.get(name);
    return typeof value === 'string' ? value : undefined;
  };
  const notification_id = header('persona-notification-id');
  const customer_id = header('persona-customer-id');
  return {
    via: 'smtp',
    to: addressesOf(mail.to),
    from: addressesOf(mail.from),
    subject: mail.subject ?? '',
    text: mail.text ?? '',
    html: mail.html || '',
    message_id: mail.messageId ?? '',
    ...(notification_id && { notification_id }),
    ...(customer_id && { customer_id }),
  };
}

function addressesOf(header: AddressObject | AddressObject[] | undefined): string {
  const lists = header === undefined ? [] : [header].flat();
  return lists.flatMap(({ value }) => value.map(({ address }) => address ?? '')).join(', ');
}
