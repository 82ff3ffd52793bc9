/** Bodies nested as deeply as the size of a message allows: refused as input, over real connections, and fast. */

import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { IdentityGraphServiceClient } from '../proto/gen/persona/v1/identity_graph.ts';
import { formatRules } from '../domain/onboarding/formats.ts';
import { validateOnboarding } from '../domain/onboarding/validate.ts';
import { validationError } from '../domain/errors.ts';
import { fakeServices, openAccess, silentObservers, testAppOptions } from './fakes.ts';
import { serveGrpc } from './grpc/server.ts';
import { createApp } from './http/app.ts';
import { serveHttp } from './http/server.ts';

const LEVELS = 10_000;
const ARRAYS = `${'['.repeat(LEVELS)}1${']'.repeat(LEVELS)}`;
const OBJECTS = `${'{"a":'.repeat(LEVELS)}1${'}'.repeat(LEVELS)}`;
const ID = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
/** A refusal takes milliseconds; this is for a busy machine. */
const LIMIT_MS = 2_000;

test('every REST route with a body refuses it, and the process goes on', async () => {
  const app = createApp(fakeServices({}), silentObservers(), testAppOptions);
  const server = await serveHttp({ host: '127.0.0.1', port: 0 }, app);
  onTestFinished(() => server.close());
  const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { requestBody?: object }>>;
  };
  const routes = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).flatMap(([verb, { requestBody }]) =>
      requestBody === undefined || path.startsWith('/webhooks/')
        ? []
        : [{ method: verb.toUpperCase(), path }],
    ),
  );
  expect(routes.length).toBeGreaterThan(8);
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'k', 'if-match': '*' };
  for (const { method, path } of routes)
    for (const body of [ARRAYS, OBJECTS, `{"transaction_id":"t","event_id":"e","more":${ARRAYS}}`]) {
      const startedAt = performance.now();
      const url = `${server.url}${path.replaceAll(/\{\w+\}/g, ID)}`;
      const response = await fetch(url, { method, headers, body });
      expect([method, path, response.status]).toEqual([method, path, 422]);
      expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
    }
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});

test('gRPC refuses a nested text of JSON, and nested groups of unknown fields, and goes on', async () => {
  const services = fakeServices({
    onboard: async (_, request) => {
      const checked = validateOnboarding(request, formatRules(testAppOptions.policy));
      throw checked.ok ? new Error('it was accepted') : validationError(checked.problems, checked.type);
    },
  });
  const server = await serveGrpc({ host: '127.0.0.1', port: 0 }, services, silentObservers(), openAccess);
  onTestFinished(() => server.close());
  const graph = new IdentityGraphServiceClient(server.address, credentials.createInsecure());
  onTestFinished(() => graph.close());
  const create = (behavioral_data_snapshot: string) =>
    new Promise<ServiceError | null>((resolve) => {
      const request = { transaction_id: 't', occurred_at: new Date(), digital_identifiers: [] };
      graph.createCustomer({ ...request, behavioral_data_snapshot }, (error) => resolve(error));
    });
  for (const text of [ARRAYS, OBJECTS]) {
    const startedAt = performance.now();
    expect(await create(text)).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('must not be nested deeper than 32 levels'),
    });
    expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
  }

  const [startOfGroup, endOfGroup] = [Buffer.from([0xa3, 0x06]), Buffer.from([0xa4, 0x06])];
  const groups = Buffer.concat([
    ...Array.from({ length: LEVELS }, () => startOfGroup),
    ...Array.from({ length: LEVELS }, () => endOfGroup),
  ]);
  const raw = new Client(server.address, credentials.createInsecure());
  onTestFinished(() => raw.close());
  const keep = (bytes: Buffer) => bytes;
  const refused = await new Promise<ServiceError | null>((resolve) => {
    const path = '/persona.v1.IdentityGraphService/CreateCustomer';
    raw.makeUnaryRequest(path, keep, keep, groups, (error) => resolve(error));
  });
  // Of the library, for bytes that are no message.
  expect(refused).toMatchObject({ code: status.INTERNAL, details: 'Error deserializing request' });
  expect(await create(ARRAYS)).toMatchObject({ code: status.INVALID_ARGUMENT });
});
