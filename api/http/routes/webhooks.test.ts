import { expect, test } from 'vitest';
import { PersonaError } from '../../../domain/errors.ts';
import { fakeServices, silentObservers, testAppOptions } from '../../fakes.ts';
import { createApp } from '../app.ts';

type Webhook = { body: Uint8Array; signature?: string };

function appWithWebhook(handle: (webhook: Webhook) => 'accepted' | 'known' | 'ignored') {
  const handleStripeWebhook = async (_: unknown, webhook: Webhook) => ({ result: handle(webhook) });
  return createApp(fakeServices({ handleStripeWebhook }), silentObservers(), testAppOptions);
}

const post = (app: ReturnType<typeof appWithWebhook>, body: string, headers: Record<string, string> = {}) =>
  app.request('/webhooks/stripe', { method: 'POST', body, headers });

test('the body is passed on byte for byte, with its signature and without an Idempotency-Key', async () => {
  const seen: Webhook[] = [];
  const app = appWithWebhook((webhook) => {
    seen.push(webhook);
    return 'accepted';
  });
  const body = '{ "id":"evt_1",\r\n "name":"Zoë \\u00e9" }\n';
  const response = await post(app, body, { 'stripe-signature': 't=1,v1=a', 'content-type': 'text/plain' });
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ result: 'accepted' });
  expect(seen.map((one) => [Buffer.from(one.body).toString(), one.signature])).toEqual([[body, 't=1,v1=a']]);
});

test.each([
  ['signature_refused', 400],
  ['malformed_request', 400],
  ['graph_unavailable', 503],
  ['temporal_unavailable', 503],
] as const)('%s is a problem document with %i', async (type, status) => {
  const app = appWithWebhook(() => {
    throw new PersonaError(type, 'no');
  });
  const response = await post(app, '{}');
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await response.json()).toMatchObject({ type: `urn:persona:error:${type}`, status });
});

test('a body over 64 KiB is refused, and so is any method other than POST', async () => {
  const app = appWithWebhook(() => 'ignored');
  expect((await post(app, 'x'.repeat(70_000))).status).toBe(413);
  expect((await app.request('/webhooks/stripe')).status).toBe(405);
});

test('the route is documented', async () => {
  const response = await appWithWebhook(() => 'ignored').request('/openapi.json');
  const { paths } = (await response.json()) as { paths: Record<string, { post: { responses: object } }> };
  expect(Object.keys(paths['/webhooks/stripe']?.post.responses ?? {})).toEqual(
    expect.arrayContaining(['200', '400', '413', '503']),
  );
});
