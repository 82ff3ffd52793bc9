/** Before a worker takes onboardings: the statements that they send have been planned, and the connection stands. */

import { randomUUID } from 'node:crypto';
import type { OnboardingRequest } from '../domain/onboarding-types.ts';
import type { Policy } from '../domain/policy.ts';
import {
  type CommandHeader,
  type Graph,
  getGatewayCustomer,
  linkBehavioralProfile,
  onboard,
  readWallet,
  recordVerification,
  rehearse,
} from '../graph/index.ts';

/** So long it may take: on a busy machine it must not stand in the way of those who are waiting already. */
const PATIENCE_MS = 5_000;

/**
 * Plays an onboarding from its beginning to its end, as a new customer and as a known one, and undoes it.
 * @throws PersonaError graph_unavailable
 */
export async function warmUp(graph: Graph, policy: Policy): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  await rehearse(graph, async (stage) => {
    for await (const _ of scenes(stage, policy)) if (Date.now() > deadline) return;
  });
}

type Part = 'payment_method_details' | 'device_details' | 'address_details';
/** What a request may lack makes other statements of it; these come most often. */
const LACKING: readonly (readonly Part[])[] = [
  ['address_details'],
  ['payment_method_details', 'address_details'],
  ['device_details', 'address_details'],
  ['payment_method_details', 'device_details', 'address_details'],
];

/** The commonest first. */
async function* scenes(graph: Graph, policy: Policy): AsyncGenerator<void> {
  const known = randomUUID();
  yield await playWhole(graph, policy, known);
  for (const lacking of LACKING) {
    const request = requestOf(randomUUID(), randomUUID());
    for (const part of lacking) delete request[part];
    await onboard(graph, header(), { request, policy });
    yield;
  }
  yield await playWhole(graph, policy, known);
  const several = requestOf(randomUUID(), randomUUID());
  several.digital_identifiers?.push({ type: 'email', value: `${randomUUID()}@warm-up.invalid` });
  await onboard(graph, header(), { request: several, policy });
  yield;
}

async function playWhole(graph: Graph, policy: Policy, person: string): Promise<void> {
  const token = randomUUID();
  const request = requestOf(person, token);
  const { customer_id, payment_method_id = '' } = await onboard(graph, header(), { request, policy });
  await getGatewayCustomer(graph, { customer_id });
  await readWallet(graph, customer_id);
  await recordVerification(graph, header(), {
    customer_id,
    payment_method_id,
    gateway_customer_ref: person,
    answer: { result: 'attached', method: { token, type: 'card', funding: 'credit' } },
  });
  await linkBehavioralProfile(graph, header(), { customer_id, baseline_data_ref: token });
}

function header(): CommandHeader {
  const id = randomUUID();
  const occurredAt = new Date().toISOString();
  return { caller: 'warm-up', idempotencyKey: id, actor: 'persona', correlationId: id, occurredAt };
}

function requestOf(person: string, token: string): OnboardingRequest {
  return {
    transaction_id: token,
    occurred_at: new Date().toISOString(),
    payment_method_details: { type: 'card', token },
    device_details: { fingerprint: person, user_agent: 'warm-up' },
    address_details: { street1: '-', city: '-', zip_code: '-', country: 'US', type: 'shipping' },
    digital_identifiers: [{ type: 'email', value: `${person}@warm-up.invalid`, is_verified: true }],
  };
}
