import { createHmac, randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InboxSimulator, startInboxSimulator } from '../../dev/simulators/inbox/server.ts';
import type { Notice } from '../../domain/ports.ts';
import { createWebhookNotifier, signature } from './notifier.ts';

const secret = 'whsec_notices';
let inbox: InboxSimulator;

beforeAll(async () => {
  inbox = await startInboxSimulator({ secret });
});
afterAll(() => inbox.close());

const notice = (): Notice => ({
  notification_id: `recovery:inv_1:1:recovered:${randomUUID()}`,
  customer_id: randomUUID(),
  to: 'ada@shop.example',
  channel: 'email',
  template: 'recovered',
  locale: 'en',
  subject: 'We have received your payment of €12.50',
  text: 'Your payment went through',
  html: '<p>Your payment went through</p>',
  data: {
    amount: 1250,
    amount_text: '€12.50',
    currency: 'EUR',
    payment_id: 'inv_1',
    failed_method: { brand: 'visa', last_four: '4242' },
    link: 'https://shop.example/wallet',
  },
  created_at: '2026-03-04T10:00:00Z',
});

async function messagesFor(customerId: string) {
  const response = await fetch(`${inbox.url}/messages?customer_id=${customerId}`);
  return ((await response.json()) as { data: object[] }).data;
}

async function setMode(body: unknown): Promise<number> {
  const init = { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) };
  return (await fetch(`${inbox.url}/_sim/mode`, init)).status;
}

/** A receiver that responds with this status and records its requests. */
async function receiver(status: number, headers: Record<string, string> = {}) {
  const received: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ headers: request.headers, body });
      response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/notices`;
  return { url, received, close: () => server.close() };
}

test('delivers body and headers as the contract specifies', async () => {
  const { url, received, close } = await receiver(204);
  const sent = notice();
  await createWebhookNotifier({ url, secret }).deliver(sent);
  close();
  expect(received).toHaveLength(1);
  const [{ headers, body }] = received as [(typeof received)[0]];
  expect(JSON.parse(body)).toEqual(sent);
  expect(headers['idempotency-key']).toBe(sent.notification_id);
  expect(headers['content-type']).toMatch(/^application\/json/);
  const [, t, v1] = /^t=(\d+),v1=(.+)$/.exec(String(headers['persona-signature'])) ?? [];
  expect(v1).toBe(createHmac('sha256', secret).update(`${t}.${body}`).digest('hex'));
  expect(Math.abs(Number(t) - Date.now() / 1000)).toBeLessThan(5);
});

test('the inbox accepts it, and lists duplicates too', async () => {
  const notifier = createWebhookNotifier({ url: inbox.webhook, secret });
  const sent = notice();
  await notifier.deliver(sent);
  await notifier.deliver(sent);
  const listed = { ...sent, via: 'webhook', received_at: expect.stringMatching(/Z$/) };
  expect(await messagesFor(sent.customer_id)).toEqual([listed, listed]);
  expect(await messagesFor('nobody')).toEqual([]);
});

test('the inbox refuses notices that are unsigned, signed with another key, or signed too long ago', async () => {
  const sent = notice();
  const wrongSecretNotifier = createWebhookNotifier({ url: inbox.webhook, secret: 'guessed' });
  await expect(wrongSecretNotifier.deliver(sent)).rejects.toMatchObject({ type: 'notice_refused' });
  const body = JSON.stringify(sent);
  const old = signature(body, secret, Math.floor(Date.now() / 1000) - 301);
  for (const header of ['', old]) {
    const headers = { 'persona-signature': header };
    expect((await fetch(inbox.webhook, { method: 'POST', body, headers })).status).toBe(401);
  }
  expect(await messagesFor(sent.customer_id)).toEqual([]);
});

test.each([
  ['away', { mode: 'away' }],
  ['error', { mode: 'error' }],
  ['away, short form', 'away'],
  ['error, as a key', { error: true }],
])('an inbox in mode "%s" is worth a retry', async (_, mode) => {
  const notifier = createWebhookNotifier({ url: inbox.webhook, secret });
  const sent = notice();
  expect(await setMode(mode)).toBe(200);
  await expect(notifier.deliver(sent)).rejects.toMatchObject({ type: 'notifier_unavailable' });
  expect(await setMode({ mode: 'ok' })).toBe(200);
  expect(await messagesFor(sent.customer_id)).toEqual([]);
  await notifier.deliver(sent);
  expect(await messagesFor(sent.customer_id)).toHaveLength(1);
  expect(await setMode({ mode: 'sleepy' })).toBe(400);
});

test.each([
  [408, 'notifier_unavailable'],
  [429, 'notifier_unavailable'],
  [500, 'notifier_unavailable'],
  [503, 'notifier_unavailable'],
  [302, 'notifier_unavailable'],
  [400, 'notice_refused'],
  [404, 'notice_refused'],
  [422, 'notice_refused'],
])('%i is %s', async (status, type) => {
  const { url, close } = await receiver(status, { location: inbox.webhook });
  const sent = notice();
  await expect(createWebhookNotifier({ url, secret }).deliver(sent)).rejects.toMatchObject({ type });
  close();
  expect(await messagesFor(sent.customer_id)).toEqual([]);
});

test('an unreachable receiver is reported with its address, the cause and the setting to check', async () => {
  const notifier = createWebhookNotifier({ url: 'http://127.0.0.1:1/notices', secret });
  await expect(notifier.deliver(notice())).rejects.toMatchObject({
    type: 'notifier_unavailable',
    message: expect.stringMatching(/127\.0\.0\.1:1\/notices.*(ECONNREFUSED|bad port).*NOTIFY_WEBHOOK_URL/),
  });
});

test('secrets in the address are not repeated', async () => {
  const { url, close } = await receiver(422);
  for (const target of [`${url}?key=hush`, 'http://127.0.0.1:1/notices?key=hush']) {
    const delivery = createWebhookNotifier({ url: target, secret }).deliver(notice());
    await expect(delivery).rejects.toMatchObject({ message: expect.stringMatching(/\/notices/) });
    await expect(delivery).rejects.not.toMatchObject({ message: expect.stringContaining('hush') });
  }
  close();
});

test('the delivery ends when its caller aborts', async () => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = new AbortController();
  const delivery = createWebhookNotifier({ url, secret }).deliver(notice(), { signal: stop.signal });
  stop.abort();
  await expect(delivery).rejects.toMatchObject({ type: 'notifier_unavailable' });
  server.close();
});
