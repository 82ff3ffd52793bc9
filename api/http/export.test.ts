/** A document that is streamed: at the pace of the client who takes it, and no further than that. */

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { expect, onTestFinished, test, vi } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import { MAX_EXPORT_MS } from '../../services/export-customer.ts';
import { fakeServices, openAccess, silentObservers, testAppOptions } from '../fakes.ts';
import { createApp } from './app.ts';
import { serveHttp } from './server.ts';

const PATH = '/api/v1/customers/0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11/export';
const PART = 'x'.repeat(1_000_000);
/** More than a connection holds while its client reads nothing. */
const MANY = 200;

async function serve(makeParts: () => AsyncGenerator<string>) {
  const lines: string[] = [];
  let inProgress = 0;
  const admit = () => {
    inProgress += 1;
    return {
      release() {
        inProgress -= 1;
      },
    };
  };
  const services = fakeServices({ exportCustomer: async () => ({ parts: makeParts() }) });
  const app = createApp(
    services,
    silentObservers((line) => lines.push(line)),
    {
      ...testAppOptions,
      admission: Object.assign(admit, openAccess.admission),
    },
  );
  const server = await serveHttp({ host: '127.0.0.1', port: 0 }, app);
  onTestFinished(() => server.close());
  return { url: server.url, lines, inProgress: () => inProgress };
}

test('parts are made as they are taken; a client who goes away ends it, and only then gives up its place', async () => {
  let [made, hasEnded] = [0, false];
  const { url, inProgress } = await serve(async function* () {
    try {
      for (; made < MANY; made += 1) yield PART;
    } finally {
      hasEnded = true;
    }
  });
  const sent = request(`${url}${PATH}`);
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  expect(response.headers['content-disposition']).toBe('attachment; filename="persona-export.json"');
  // The server has had every opportunity to make more.
  for (let n = 0; n < 100; n += 1) await (await fetch(`${url}/healthz`)).text();
  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThan(MANY / 2);
  expect(inProgress()).toBe(1);
  response.destroy();
  await expect.poll(() => [hasEnded, inProgress()]).toEqual([true, 0]);
  expect(made).toBeLessThan(MANY);
});

test('a client who takes nothing gives up its place after a quarter of an hour', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { url, lines, inProgress } = await serve(async function* () {
    for (let made = 0; made < MANY; made += 1) yield PART;
  });
  const sent = request(`${url}${PATH}`);
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  expect(inProgress()).toBe(1);
  vi.advanceTimersByTime(MAX_EXPORT_MS);
  vi.useRealTimers();
  await expect(response.toArray()).rejects.toThrow('aborted');
  await expect.poll(inProgress).toBe(0);
  expect(lines.map((line) => JSON.parse(line) as Record<string, string>)).toContainEqual(
    expect.objectContaining({ msg: 'an export ended early', error_type: 'deadline_exceeded' }),
  );
});

test('a part that cannot be made cuts the connection, so that the document does not look whole', async () => {
  const { url, lines, inProgress } = await serve(async function* () {
    yield '{"a": 1';
    throw new PersonaError('customer_not_found', 'there is no such customer');
  });
  await expect(fetch(`${url}${PATH}`).then((response) => response.text())).rejects.toThrow();
  expect(lines.map((line) => JSON.parse(line) as Record<string, string>)).toContainEqual(
    expect.objectContaining({ msg: 'an export ended early', error_type: 'customer_not_found' }),
  );
  await expect.poll(inProgress).toBe(0);
});

test('a request for the headers alone reads nothing, and gives up its place', async () => {
  let made = 0;
  const { url, inProgress } = await serve(async function* () {
    made += 1;
    yield '{}';
  });
  expect((await fetch(`${url}${PATH}`, { method: 'HEAD' })).status).toBe(200);
  await expect.poll(inProgress).toBe(0);
  expect(made).toBe(0);
});
