import { SMTPServer } from 'smtp-server';
import { expect, onTestFinished, test } from 'vitest';
import { startHttpServer } from '../../test/stripe-fixture.ts';
import type { Settings } from '../settings.ts';
import { checkNotifier } from './notifier.ts';

const check = (variables: Record<string, string>) => checkNotifier({ variables } as unknown as Settings);

/** A mail server with one user. @returns host:port */
async function startMailServer(): Promise<string> {
  const server = new SMTPServer({
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username, password }, _, done) =>
      username === 'persona' && password === 'right'
        ? done(null, { user: username })
        : done(new Error('no such user')),
  });
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  const listening = server.listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  return `127.0.0.1:${(listening.address() as { port: number }).port}`;
}

test('the login at the mail server is tried, and the password is not shown', async () => {
  const host = await startMailServer();
  const NOTIFY_FROM = 'billing@shop.example';
  expect(await check({ NOTIFY_SMTP_URL: `smtp://persona:right@${host}`, NOTIFY_FROM })).toMatchObject({
    state: 'ok',
    detail: expect.stringContaining(host),
  });
  const refused = await check({ NOTIFY_SMTP_URL: `smtp://persona:mistaken@${host}`, NOTIFY_FROM });
  expect(refused).toMatchObject({ state: 'wrong', detail: expect.stringContaining('refuses the login') });
  expect(JSON.stringify(refused)).not.toContain('mistaken');
});

test('a webhook that accepts connections gets no request', async () => {
  let requests = 0;
  const { url, close } = await startHttpServer((_, response) => {
    requests += 1;
    response.end();
  });
  onTestFinished(close);
  expect(await check({ NOTIFY_WEBHOOK_URL: url, NOTIFY_WEBHOOK_SECRET: 's' })).toMatchObject({ state: 'ok' });
  expect(requests).toBe(0);
});

test.each([
  [{}, 'wrong', 'NOTIFY_WEBHOOK_URL and NOTIFY_SMTP_URL are not set'],
  [{ NOTIFY_WEBHOOK_URL: 'http://127.0.0.1:1' }, 'wrong', 'NOTIFY_WEBHOOK_SECRET is not set'],
  [
    { NOTIFY_SMTP_URL: 'smtp://127.0.0.1:1', NOTIFY_FROM: 'nobody' },
    'wrong',
    'NOTIFY_FROM must be an address',
  ],
  [
    { NOTIFY_WEBHOOK_URL: 'http://127.0.0.1:1', NOTIFY_WEBHOOK_SECRET: 's' },
    'unreachable',
    '127.0.0.1:1 does not accept connections',
  ],
  [
    { NOTIFY_SMTP_URL: 'smtp://127.0.0.1:1', NOTIFY_FROM: 'billing@shop.example' },
    'unreachable',
    '127.0.0.1:1 does not accept connections',
  ],
])('%j is %s', async (variables, state, detail) => {
  expect(await check(variables)).toMatchObject({ state, detail: expect.stringContaining(detail) });
});
