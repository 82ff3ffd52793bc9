import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type InboxSimulator, startInboxSimulator } from '../../dev/simulators/inbox/server.ts';
import type { Notice } from '../../domain/ports.ts';
import { createSmtpNotifier, messageId } from './notifier.ts';

const from = 'Shop Ä <billing@shop.example>';
let inbox: InboxSimulator;

beforeAll(async () => {
  inbox = await startInboxSimulator();
});
afterAll(() => inbox.close());

const notice = (changes: Partial<Notice> = {}): Notice => ({
  notification_id: `recovery:inv_1:1:recovered:${randomUUID()}`,
  customer_id: randomUUID(),
  to: 'ada@shop.example',
  channel: 'email',
  template: 'recovered',
  locale: 'en',
  subject: 'We have received your payment of €12.50',
  text: 'Your payment went through\n\n.\nFrom the beginning of a line\n',
  html: '<p>Your payment of €12.50 went through</p>',
  data: {
    amount: 1250,
    amount_text: '€12.50',
    currency: 'EUR',
    payment_id: 'inv_1',
    failed_method: { brand: 'visa', last_four: '4242' },
    link: 'https://shop.example/wallet',
  },
  created_at: '2026-03-04T10:00:00.000Z',
  ...changes,
});

async function messagesFor(customerId: string) {
  const response = await fetch(`${inbox.url}/messages?customer_id=${customerId}`);
  return ((await response.json()) as { data: Record<string, unknown>[] }).data;
}

const setMode = (mode: string) => fetch(`${inbox.url}/_sim/mode`, { method: 'POST', body: mode });

/**
 * A scripted mail server: replies to each command as given, else with 250. `hang up` closes the connection instead,
 * `silence` sends no reply. The end of the content counts as the command `.`.
 */
async function mailServer(replies: Record<string, string> = {}) {
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const say = (command: string, usual: string) => {
      const reply = replies[command] ?? usual;
      if (reply === 'hang up') socket.destroy();
      else if (reply !== 'silence') socket.write(`${reply}\r\n`);
    };
    let content: string | undefined;
    let rest = '';
    say('CONNECT', '220 mail.test ESMTP');
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (content !== undefined && line !== '.') {
          content += `${line}\n`;
          continue;
        }
        const command = content === undefined ? (/^(MAIL|RCPT|[A-Z]+)/.exec(line)?.[0] ?? line) : '.';
        commands.push(command);
        content = undefined;
        say(command, command === 'DATA' ? '354 send the content' : '250 OK');
        if (command === 'DATA' && !replies.DATA) content = '';
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`, commands };
}

test('sends text and HTML from the configured sender to the recipient, with ids that identify the notice', async () => {
  const sent = notice();
  await createSmtpNotifier({ url: `smtp://${inbox.smtp}`, from }).deliver(sent);
  expect(await messagesFor(sent.customer_id)).toEqual([
    {
      via: 'smtp',
      received_at: expect.stringMatching(/Z$/),
      to: sent.to,
      from: 'billing@shop.example',
      subject: sent.subject,
      text: sent.text,
      html: sent.html,
      message_id: messageId(sent.notification_id, from),
      notification_id: sent.notification_id,
      customer_id: sent.customer_id,
    },
  ]);
});

test('the Message-ID is stable per notification, unique across notifications, and in the sender’s domain', () => {
  const id = messageId('recovery:inv_1:1:recovered:1', from);
  expect(id).toMatch(/^<[0-9a-f]{40}@shop\.example>$/);
  expect(messageId('recovery:inv_1:1:recovered:1', 'billing@shop.example')).toBe(id);
  expect(messageId('recovery:inv_1:1:recovered:2', from)).not.toBe(id);
});

test('no content of a notice can inject a second recipient or a header', async () => {
  const sent = notice({ to: "o'brien+x=y@shop.example", subject: 'Hello\r\nBcc: eve@evil.example' });
  await createSmtpNotifier({ url: `smtp://${inbox.smtp}`, from }).deliver(sent);
  const [mail] = await messagesFor(sent.customer_id);
  expect(mail).toMatchObject({ to: sent.to, subject: 'Hello Bcc: eve@evil.example' });
});

test('a text message is refused by SMTP, and the error names the alternative', async () => {
  const sent = notice({ channel: 'sms', to: '+4915112345678' });
  await expect(createSmtpNotifier({ url: `smtp://${inbox.smtp}`, from }).deliver(sent)).rejects.toMatchObject(
    { type: 'notice_refused', message: expect.stringMatching(/sms.*NOTIFY_WEBHOOK_URL/) },
  );
  expect(await messagesFor(sent.customer_id)).toEqual([]);
});

test.each(['away', 'error'])('an inbox in mode "%s" is worth a retry', async (mode) => {
  const notifier = createSmtpNotifier({ url: `smtp://${inbox.smtp}`, from });
  const sent = notice();
  await setMode(mode);
  await expect(notifier.deliver(sent)).rejects.toMatchObject({ type: 'notifier_unavailable' });
  await setMode('ok');
  expect(await messagesFor(sent.customer_id)).toEqual([]);
  await notifier.deliver(sent);
  expect(await messagesFor(sent.customer_id)).toHaveLength(1);
});

describe('the failure depends on the server’s reply', () => {
  const reject = '550 5.1.1 <ada@shop.example>: no such user';
  test.each<[string, Record<string, string>, string]>([
    ['the recipient is unknown', { RCPT: reject }, 'notice_refused'],
    ['the content is refused', { '.': '554 5.7.1 spam' }, 'notice_refused'],
    ['the sender is refused', { MAIL: '553 5.1.8 no' }, 'notice_refused'],
    ['the mailbox is busy', { RCPT: '450 4.2.1 <ada@shop.example> later' }, 'notifier_unavailable'],
    ['the content is deferred', { '.': '451 4.7.1 greylisted' }, 'notifier_unavailable'],
    ['it shuts down', { MAIL: '421 4.3.2 closing' }, 'notifier_unavailable'],
    ['it does not serve us', { CONNECT: '554 5.3.2 no service here' }, 'notifier_unavailable'],
    ['it requires authentication', { MAIL: '530 5.7.0 authentication required' }, 'notifier_unavailable'],
    ['it hangs up immediately', { CONNECT: 'hang up' }, 'notifier_unavailable'],
    ['it hangs up before the content', { DATA: 'hang up' }, 'notifier_unavailable'],
    ['it hangs up after the content', { '.': 'hang up' }, 'notice_unresolved'],
  ])('%s', async (_, replies, type) => {
    const { url } = await mailServer(replies);
    const delivery = createSmtpNotifier({ url, from }).deliver(notice());
    await expect(delivery).rejects.toMatchObject({ type });
    // It goes into logs and events: the server's own text would repeat the address.
    await expect(delivery).rejects.not.toMatchObject({ message: expect.stringContaining('ada@') });
  });

  test.each([
    ['before it requests the content', { RCPT: 'silence' }, 'RCPT', 'notifier_unavailable'],
    ['after the content', { '.': 'silence' }, '.', 'notice_unresolved'],
  ])('it stops responding %s, and the caller aborts', async (_, replies, last, type) => {
    const { url, commands } = await mailServer(replies);
    const stop = new AbortController();
    const delivery = createSmtpNotifier({ url, from }).deliver(notice(), { signal: stop.signal });
    const failed = expect(delivery).rejects.toMatchObject({ type });
    await expect.poll(() => commands).toContain(last);
    stop.abort();
    await failed;
  });

  test('refused credentials are a fault of our settings, and the password is not repeated', async () => {
    const { url } = await mailServer({ EHLO: '250-mail.test\r\n250 AUTH PLAIN', AUTH: '535 5.7.8 wrong' });
    const delivery = createSmtpNotifier({ url: url.replace('//', '//us:hush@'), from }).deliver(notice());
    await expect(delivery).rejects.toMatchObject({
      type: 'notifier_unavailable',
      message: expect.stringMatching(/535 5\.7\.8 to AUTH PLAIN.*NOTIFY_SMTP_URL/),
    });
    await expect(delivery).rejects.not.toMatchObject({ message: expect.stringContaining('hush') });
  });
});

test('an unreachable server is reported with its address, the cause and the setting to check', async () => {
  await expect(
    createSmtpNotifier({ url: 'smtp://us:hush@127.0.0.1:1', from }).deliver(notice()),
  ).rejects.toMatchObject({
    type: 'notifier_unavailable',
    message: expect.stringMatching(/^[^@]*127\.0\.0\.1:1 .*ECONNREFUSED.*NOTIFY_SMTP_URL[^@]*$/),
  });
});

test('an address that no mail server can accept is refused', async () => {
  const { url } = await mailServer();
  await expect(createSmtpNotifier({ url, from }).deliver(notice({ to: '' }))).rejects.toMatchObject({
    type: 'notice_refused',
  });
});
