import { randomUUID } from 'node:crypto';
import type { Policy } from '../../domain/policy.ts';
import { type Graph, linkBehavioralProfile, onboard } from '../../graph/index.ts';
import { header, onboardWithCard, requestOf } from './invented.ts';

type Part = 'payment_method_details' | 'device_details' | 'address_details';
/** What a request may lack makes other statements of it; these come most often. */
const LACKING: readonly (readonly Part[])[] = [
  ['address_details'],
  ['payment_method_details', 'address_details'],
  ['device_details', 'address_details'],
  ['payment_method_details', 'device_details', 'address_details'],
];

/** Onboardings from their beginning to their end, of a new customer and of a known one, the commonest first. */
export async function* playOnboardings(graph: Graph, policy: Policy): AsyncGenerator<void> {
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
  const { customer_id } = await onboardWithCard(graph, policy, person);
  await linkBehavioralProfile(graph, header(), { customer_id, baseline_data_ref: randomUUID() });
}
