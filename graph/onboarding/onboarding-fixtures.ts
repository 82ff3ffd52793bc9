/** Onboarding requests for the tests in this folder. */

import { randomUUID } from 'node:crypto';
import type { OnboardingRequest } from '../../domain/onboarding/types.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  onboardingRequest,
  randomEmail,
  randomPhone,
  randomToken,
  retryWhileBusy,
  testHeader,
} from '../../test/test-graph.ts';
import type { Graph } from '../kernel/graph.ts';
import { recordVerification } from '../wallet/record-verification.ts';
import { onboard } from './onboard.ts';

export const policy = readPolicy();

/** Onboards under the transaction's id, as the workflow does, and retries if contention is too high for the machine. */
export async function sendOnboarding(
  graph: Graph,
  change: Partial<OnboardingRequest> = {},
  changedPolicy = policy,
): ReturnType<typeof onboard> {
  const request = onboardingRequest(change);
  const header = testHeader({ idempotencyKey: request.transaction_id });
  return retryWhileBusy(() => onboard(graph, header, { request, policy: changedPolicy }));
}

export const email = (value = randomEmail(), is_verified = false) => ({
  type: 'email' as const,
  value,
  is_verified,
});
export const phone = (value = randomPhone(), is_verified = false) => ({
  type: 'phone_number' as const,
  value,
  is_verified,
});
export const card = (token = randomToken()) => ({
  type: 'card' as const,
  token,
  brand: 'visa',
  last_four: '4242',
});
export const device = (fingerprint: string = randomUUID()) => ({
  fingerprint,
  ip: '203.0.113.7',
  user_agent: 'Firefox/140',
});

/** The gateway has taken the token in. */
export function recordAttached(graph: Graph, customer_id: string, payment_method_id: string, token: string) {
  return recordVerification(graph, testHeader(), {
    customer_id,
    payment_method_id,
    gateway_customer_ref: `cus_${customer_id}`,
    answer: { result: 'attached', method: { token, type: 'card' } },
  });
}

/** The types of a stream's events, in order. */
export async function readEventTypes(graph: Graph, streamId: string): Promise<string[]> {
  const rows = await graph.read<{ type: string }>(
    'MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.type AS type ORDER BY e.seq',
    { id: streamId },
  );
  return rows.map((row) => row.type);
}
