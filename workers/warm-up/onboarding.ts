import { randomUUID } from 'node:crypto';
import type { Policy } from '../../domain/policy.ts';
import { type Graph, linkBehavioralProfile, onboard } from '../../graph/index.ts';
import { warmUpHeader, onboardWithCard, syntheticRequest } from './synthetic-customers.ts';

type Part = 'payment_method_details' | 'device_details' | 'address_details';
/** A request without some of its parts leads to different statements; these are the most frequent cases. */
const OMITTED_PARTS: readonly (readonly Part[])[] = [
  ['address_details'],
  ['payment_method_details', 'address_details'],
  ['device_details', 'address_details'],
  ['payment_method_details', 'device_details', 'address_details'],
];

/** Complete onboardings of a new and of a known customer, the most frequent first. */
export async function* warmUpOnboardings(graph: Graph, policy: Policy): AsyncGenerator<void> {
  const known = randomUUID();
  yield await onboardCompletely(graph, policy, known);
  for (const omitted of OMITTED_PARTS) {
    const request = syntheticRequest(randomUUID(), randomUUID());
    for (const part of omitted) delete request[part];
    await onboard(graph, warmUpHeader(), { request, policy });
    yield;
  }
  yield await onboardCompletely(graph, policy, known);
  const several = syntheticRequest(randomUUID(), randomUUID());
  several.digital_identifiers?.push({ type: 'email', value: `${randomUUID()}@warm-up.invalid` });
  await onboard(graph, warmUpHeader(), { request: several, policy });
  yield;
}

async function onboardCompletely(graph: Graph, policy: Policy, person: string): Promise<void> {
  const { customer_id } = await onboardWithCard(graph, policy, person);
  await linkBehavioralProfile(graph, warmUpHeader(), { customer_id, baseline_data_ref: randomUUID() });
}
