/** What requests over the real servers give out, and to whom. */

import { credentials } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import type { Disclosed } from '../../domain/disclosures/disclosed.ts';
import { PersonaError } from '../../domain/errors.ts';
import { IdentityGraphServiceClient } from '../../proto/gen/persona/v1/identity_graph.ts';
import { PersonaAgentClient } from '../../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../../proto/gen/persona/v1/types.ts';
import type { Services } from '../../services/services.ts';
import { unaryCall } from '../../test/api-fixture.ts';
import { fakeServices, openAccess, silentObservers, testAppOptions } from '../fakes.ts';
import { serveGrpc } from '../grpc/server.ts';
import { createApp } from '../http/app.ts';
import { customerIdentity, type Identity } from './identity.ts';

const ADA = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
const BEN = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e12';
const agent = (role: 'cerebrum' | 'chimera' | 'ops'): Identity => ({
  name: `agent:${role}`,
  grants: new Set([role]),
});

async function serve(identity: Identity, services: Partial<Services>) {
  const disclosed: [string, Disclosed][] = [];
  const observers = silentObservers(
    () => {},
    (customerId, what) => void disclosed.push([customerId, what]),
  );
  const access = {
    ...openAccess,
    authentication: { rest: () => identity, rpc: () => identity, close() {} },
  };
  const all = fakeServices(services);
  const app = createApp(all, observers, { ...testAppOptions, ...access });
  const server = await serveGrpc({ host: '127.0.0.1', port: 0 }, all, observers, access);
  onTestFinished(() => server.close());
  const agents = new PersonaAgentClient(server.address, credentials.createInsecure());
  const graph = new IdentityGraphServiceClient(server.address, credentials.createInsecure());
  onTestFinished(() => (agents.close(), graph.close()));
  return { disclosed, app, agents, graph };
}

const consistency = Consistency.CONSISTENCY_EVENTUAL;
const context = (customer_id: string) => ({ customer_id, version: 1, trusted_devices: [] }) as never;

test('an RPC gives out the data of those that it answers about, to the role that called', async () => {
  const { disclosed, agents } = await serve(agent('cerebrum'), {
    getContext: async (_, { customer_id }) => {
      if (customer_id === BEN) throw new PersonaError('customer_not_found', 'unknown');
      return context(customer_id);
    },
    getContexts: async () => ({ items: [context(ADA)], missing: [BEN] }),
  });
  const one = (customer_id: string) => ({ customer_id, transaction_id: '', consistency, min_version: 0n });
  await unaryCall(agents, 'getCustomerContext', one(ADA.toUpperCase()));
  await expect(unaryCall(agents, 'getCustomerContext', one(BEN))).rejects.toThrow();
  await unaryCall(agents, 'batchGetCustomerContext', { customer_ids: [ADA, BEN], consistency });
  const context_ = {
    ...{ recipient: 'cerebrum', purpose: 'payment routing' },
    categories: ['profile', 'devices', 'payment_methods'],
  };
  expect(disclosed).toEqual([
    [ADA, context_],
    [ADA, context_],
  ]);
});

test('a search gives out what it finds, also of those who are connected', async () => {
  const { disclosed, app, graph } = await serve(agent('ops'), {
    findConnectedCustomers: async () => [{ customer_id: BEN, evidence: [] }],
    findCustomersByUsage: async () => ({ items: [{ customer_id: BEN, segment: 'NEW', status: 'active' }] }),
  });
  await unaryCall(graph, 'findConnectedCustomers', { customer_id: ADA, limit: 0 });
  await app.request(`/internal/v1/customers/${ADA}/connected`);
  await app.request('/internal/v1/customers/by-usage');
  expect(disclosed.map(([id, { recipient, categories }]) => [id, recipient, categories.length])).toEqual([
    [ADA, 'ops', 1],
    [BEN, 'ops', 1],
    [ADA, 'ops', 1],
    [BEN, 'ops', 1],
    [BEN, 'ops', 4],
  ]);
});

test('a route gives out to a service, by its role or else its name, and not to the person or in a refusal', async () => {
  const services = { getDisclosures: async () => ({ items: [] }) };
  const path = `/api/v1/customers/${ADA.toUpperCase()}/disclosures`;
  const withToken = await serve({ name: 'service:portal', grants: new Set(['privacy']) }, services);
  expect((await withToken.app.request(path)).status).toBe(200);
  expect((await withToken.app.request('/api/v1/customers/nobody/disclosures')).status).toBe(422);
  expect(withToken.disclosed).toEqual([
    [ADA, { recipient: 'privacy', purpose: 'requests of the person', categories: ['history'] }],
  ]);

  const narrow = await serve(
    { name: 'service:help-desk', grants: new Set(['customers:read']) },
    { getPaymentMethods: async () => ({ items: [] }) },
  );
  await narrow.app.request(`/api/v1/customers/${ADA}/payment-methods`);
  expect(narrow.disclosed).toMatchObject([[ADA, { recipient: 'help-desk', purpose: 'customer service' }]]);

  const person = await serve(customerIdentity(ADA), services);
  expect((await person.app.request(path)).status).toBe(200);
  expect(person.disclosed).toEqual([]);
});
