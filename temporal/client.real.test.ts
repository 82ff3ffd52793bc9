import { randomBytes, randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { expect, onTestFinished, test } from 'vitest';
import { connectTemporal } from './client.ts';
import { ensureSearchAttributes } from './search-attributes.ts';
import { connectWorkers } from './worker.ts';

const { IndexedValueType } = proto.temporal.api.enums.v1;
const codecKeys = [{ id: 'k', key: randomBytes(32) }];
const address = process.env.TEMPORAL_ADDRESS ?? '';

async function ownNamespace(): Promise<Client> {
  const namespace = `client-${randomUUID()}`;
  const root = await connectTemporal({ address, namespace: 'default', codecKeys });
  onTestFinished(() => root.connection.close());
  await root.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  const client = await connectTemporal({ address, namespace, codecKeys });
  onTestFinished(() => client.connection.close());
  return client;
}

async function registered(client: Client) {
  const { namespace } = client.options;
  return (await client.connection.operatorService.listSearchAttributes({ namespace })).customAttributes;
}

test('an unreachable server is reported with its address and how to start one, for clients and workers', async () => {
  const closed = '127.0.0.1:1';
  const expected = {
    type: 'temporal_unavailable',
    message: expect.stringMatching(/ 127\.0\.0\.1:1[^0-9].*npm start/),
  };
  await expect(connectTemporal({ address: closed, namespace: 'default', codecKeys })).rejects.toMatchObject(
    expected,
  );
  await expect(connectWorkers({ address: closed, namespace: 'default' })).rejects.toMatchObject(expected);
});

test('a missing namespace is reported with the command that creates it', async () => {
  await expect(connectTemporal({ address, namespace: 'missing-namespace', codecKeys })).rejects.toMatchObject(
    {
      type: 'temporal_unavailable',
      message: expect.stringContaining('temporal operator namespace create --namespace missing-namespace'),
    },
  );
});

test('registers only the search attributes that are missing', async () => {
  const client = await ownNamespace();
  expect(await registered(client)).toEqual({});

  await Promise.all([ensureSearchAttributes(client), ensureSearchAttributes(client)]);
  const keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
  const all = {
    PersonaCustomerId: keyword,
    PersonaProcess: keyword,
    PersonaState: keyword,
    PersonaOutcome: keyword,
  };
  expect(await registered(client)).toEqual(all);
  await ensureSearchAttributes(client);
  expect(await registered(client)).toEqual(all);
});

test('refuses a search attribute that exists with another type', async () => {
  const client = await ownNamespace();
  await client.connection.operatorService.addSearchAttributes({
    namespace: client.options.namespace,
    searchAttributes: { PersonaState: IndexedValueType.INDEXED_VALUE_TYPE_INT },
  });
  await expect(ensureSearchAttributes(client)).rejects.toMatchObject({
    type: 'temporal_unavailable',
    message: expect.stringMatching(/PersonaState.*another type/),
  });
});
