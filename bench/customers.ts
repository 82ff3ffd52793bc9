/** The people that benchmarks are about. */

import { randomUUID } from 'node:crypto';
import type { OnboardingRequest } from '../domain/onboarding.ts';
import { type Graph, onboard } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { loadOf } from './side-by-side.ts';

const letters = () => randomUUID().replaceAll('-', '');
const IN_FLIGHT = 4;

/** A stranger at checkout, with everything but a payment method. */
export function newcomer(): OnboardingRequest {
  const id = letters();
  return {
    transaction_id: id,
    occurred_at: new Date().toISOString(),
    device_details: {
      fingerprint: `device-${id}`,
      ip: '203.0.113.24',
      user_agent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)',
      trust_score: 0.9,
    },
    address_details: {
      street1: '18 Alder Street',
      city: 'New York',
      state: 'NY',
      zip_code: '10013',
      country: 'US',
      type: 'shipping',
      is_verified: true,
    },
    digital_identifiers: [{ type: 'email', value: `${id}@shop.example`, is_verified: true }],
    customer_metadata: { segment: 'subscriber', locale: 'en-US' },
  };
}

/**
 * Customers with three trusted devices, three cards and a verified address each, written by the graph's own command.
 * @returns their ids
 */
export async function addCustomers(graph: Graph, count: number): Promise<string[]> {
  const policy = readPolicy();
  const ids: string[] = [];
  await loadOf(count, IN_FLIGHT, async () => {
    let customer_id: string | undefined;
    for (let visit = 0; visit < 3; visit += 1) {
      const { digital_identifiers, address_details, ...stranger } = newcomer();
      const request: OnboardingRequest = {
        ...stranger,
        ...(customer_id === undefined ? { digital_identifiers, address_details } : { customer_id }),
        payment_method_details: { type: 'card', token: `pm_${letters()}`, off_session_consent: true },
      };
      const { transaction_id, occurred_at } = request;
      const header = {
        caller: 'bench',
        actor: 'bench',
        idempotencyKey: transaction_id,
        correlationId: transaction_id,
        occurredAt: occurred_at,
      };
      ({ customer_id } = await onboard(graph, header, { request, policy }));
    }
    if (customer_id !== undefined) ids.push(customer_id);
  });
  return ids;
}
