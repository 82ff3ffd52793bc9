/** Two processes with different key rings, as during a rolling key change, onboard the same customers concurrently. */

import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { readPolicy } from '../platform/policy.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import {
  verifyAndClose,
  onboardingRequest,
  openTestGraph,
  randomEmail,
  randomPhone,
  randomToken,
  testHeader,
} from '../test/test-graph.ts';
import { ROLLING_STEPS } from '../test/rolling-rings.ts';
import type { Graph } from './graph.ts';
import { getPaymentMethods, onboard } from './index.ts';

const policy = readPolicy();
const CUSTOMERS_PER_STEP = 3;

test('a customer who onboards at both processes concurrently is created once, and nothing fails, at every step', async () => {
  const secrets = new Map(
    ['keys old', 'keys new', 'blind old', 'blind new'].map((name) => [name, randomBytes(32)]),
  );
  const ring = (kind: 'keys' | 'blind', ids: string) =>
    createKeyRing(ids.split(',').map((id) => ({ id, key: secrets.get(`${kind} ${id}`) ?? Buffer.alloc(0) })));
  const opened: Graph[] = [];
  const openProcessGraph = async (ids: string): Promise<Graph> => {
    const graph = await openTestGraph({
      keyRing: ring('keys', ids),
      blindIndex: createBlindIndex(ring('blind', ids)),
    });
    opened.push(graph);
    return graph;
  };
  onTestFinished(async () => {
    for (const graph of opened) await graph.close();
  });

  const identities: ReturnType<typeof testIdentity>[] = [];
  for (const [one, other] of ROLLING_STEPS) {
    const graphs = await Promise.all([openProcessGraph(one), openProcessGraph(other)]);
    // The identities of all previous steps onboard again, together with new ones.
    identities.push(...Array.from({ length: CUSTOMERS_PER_STEP }, testIdentity));
    await Promise.all(identities.flatMap((identity) => graphs.map((graph) => identity.onboardOn(graph))));
    expect(identities.map(({ customers }) => customers.size)).toEqual(identities.map(() => 1));
    for (const { customers, methods } of identities) {
      const [customer_id = ''] = customers;
      const wallets = await Promise.all(graphs.map((graph) => getPaymentMethods(graph, { customer_id })));
      expect(wallets.map((wallet) => wallet.map(({ payment_method_id }) => payment_method_id))).toEqual([
        [...methods],
        [...methods],
      ]);
    }
  }
  const last = opened.at(-1);
  expect(last).toBeDefined();
  if (last) await verifyAndClose(last);
});

/** A person with an e-mail address, a phone number, a card and a device. */
function testIdentity() {
  const identity = {
    digital_identifiers: [
      { type: 'email' as const, value: randomEmail(), is_verified: true },
      { type: 'phone_number' as const, value: randomPhone(), is_verified: true },
    ],
    payment_method_details: { type: 'card' as const, token: randomToken() },
    device_details: { fingerprint: randomToken(), user_agent: 'Firefox' },
  };
  const customers = new Set<string>();
  const methods = new Set<string>();
  return {
    customers,
    methods,
    async onboardOn(graph: Graph): Promise<void> {
      const request = onboardingRequest(identity);
      const { customer_id, payment_method_id } = await onboard(graph, testHeader(), { request, policy });
      customers.add(customer_id);
      if (payment_method_id !== undefined) methods.add(payment_method_id);
    },
  };
}
