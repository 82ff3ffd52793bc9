/** Requests and command headers of synthetic customers. */

import { randomUUID } from 'node:crypto';
import type { OnboardingRequest } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import {
  type CommandHeader,
  type Graph,
  getGatewayCustomer,
  onboard,
  readWallet,
  recordVerification,
} from '../../graph/index.ts';

export function warmUpHeader(): CommandHeader {
  const id = randomUUID();
  const occurredAt = new Date().toISOString();
  return { caller: 'warm-up', idempotencyKey: id, actor: 'persona', correlationId: id, occurredAt };
}

/** @param person requests with the same value are recognised as the same customer */
export function syntheticRequest(person: string, token: string): OnboardingRequest {
  return {
    transaction_id: token,
    occurred_at: new Date().toISOString(),
    payment_method_details: { type: 'card', token, off_session_consent: true },
    device_details: { fingerprint: person, user_agent: 'warm-up' },
    address_details: { street1: '-', city: '-', zip_code: '-', country: 'US', type: 'shipping' },
    digital_identifiers: [{ type: 'email', value: `${person}@warm-up.invalid`, is_verified: true }],
  };
}

/** Onboards the customer with another card, verified by the gateway. */
export async function onboardWithCard(
  graph: Graph,
  policy: Policy,
  person: string,
): Promise<{ customer_id: string; payment_method_id: string }> {
  const token = randomUUID();
  const request = syntheticRequest(person, token);
  const { customer_id, payment_method_id = '' } = await onboard(graph, warmUpHeader(), { request, policy });
  await getGatewayCustomer(graph, { customer_id });
  await readWallet(graph, customer_id);
  await recordVerification(graph, warmUpHeader(), {
    customer_id,
    payment_method_id,
    gateway_customer_ref: person,
    answer: { result: 'attached', method: { token, type: 'card', funding: 'credit' } },
  });
  return { customer_id, payment_method_id };
}
