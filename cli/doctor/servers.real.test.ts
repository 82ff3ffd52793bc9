import { expect, onTestFinished, test } from 'vitest';
import { startHttpServer } from '../../test/stripe-fixture.ts';
import type { Settings } from '../settings.ts';
import { checkGateway } from './servers.ts';

/** Stripe's error for a restricted key without read access. */
const FORBIDDEN = {
  type: 'invalid_request_error',
  message: 'The provided key does not have the required permissions for this endpoint.',
};
const MISSING = { type: 'invalid_request_error', code: 'resource_missing', message: 'No such mandate' };

/** Settings for a gateway whose key may not read these paths. */
async function settings(...forbidden: string[]): Promise<Settings> {
  const { url, close } = await startHttpServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    const respond = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (forbidden.some((path) => pathname.startsWith(path))) return respond(403, { error: FORBIDDEN });
    if (pathname.startsWith('/v1/mandates/')) return respond(404, { error: MISSING });
    return respond(200, { object: 'list', data: [], has_more: false, url: pathname });
  });
  onTestFinished(close);
  return { variables: { STRIPE_API_KEY: 'rk_test_1', STRIPE_API_BASE: url } } as unknown as Settings;
}

test('a key that may read everything passes', async () => {
  expect(await checkGateway(await settings())).toMatchObject({ state: 'ok' });
});

test.each([
  [['/v1/mandates/'], 'mandates'],
  [['/v1/disputes'], 'disputes'],
  [
    ['/v1/disputes', '/v1/radar/early_fraud_warnings', '/v1/mandates/'],
    'disputes, early fraud warnings, mandates',
  ],
])('a key that may not read %j is reported as wrong', async (paths, resources) => {
  const { state, detail } = await checkGateway(await settings(...paths));
  expect([state, detail]).toEqual(['wrong', expect.stringContaining(`may not read ${resources} at`)]);
});

test('a key that may not read charges fails the whole check', async () => {
  await expect(checkGateway(await settings('/v1/charges'))).rejects.toMatchObject({
    type: 'gateway_misconfigured',
  });
});
