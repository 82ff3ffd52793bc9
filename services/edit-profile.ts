import { validationError } from '../domain/errors.ts';
import { formatRules } from '../domain/onboarding/formats.ts';
import { readIdentifierVerification, readProfileChange } from '../domain/profile-change.ts';
import { getCustomerProfile, updateCustomer, verifyDigitalIdentifier } from '../graph/index.ts';
import type { Caller } from './caller.ts';
import { requestHeader, versionedHeader } from './request-header.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { ProfileView } from './views.ts';

/**
 * Changes the calling customer's locale, and replaces their identifiers: new ones are unverified, missing ones are
 * removed. All of it in one transaction.
 *
 * @param request.body untrusted: a `ProfileChange`
 * @param request.expected_version the profile's `changed_seq` that the caller has read; absent: any
 * @throws PersonaError invalid_argument and card_number_refused with all problems, idempotency_key_reused,
 *   customer_not_found, customer_suspended, stale_version, identifier_belongs_to_other_customer, graph_unavailable
 */
export async function updateProfile(
  { graph, policy }: Pick<ServiceDependencies, 'graph' | 'policy'>,
  caller: Caller,
  { customer_id, expected_version, body }: { customer_id: string; expected_version?: number; body: unknown },
): Promise<ProfileView> {
  const read = readProfileChange(body, formatRules(policy));
  if (!read.ok) throw validationError(read.problems, read.type);
  const change = read.value;
  const id = `profile ${customer_id}`;
  const header = versionedHeader(graph, caller, { id, expected_version, change });
  await updateCustomer(graph, header, { customer_id, ...change, expected_version, by: 'customer', policy });
  return getCustomerProfile(graph, { customer_id });
}

/**
 * Records a service's statement that a customer has verified an identifier: a code was sent to it and came back. Open
 * recoveries need no signal: a method that becomes proven by it is not charged before its customer consents.
 *
 * @param request.body untrusted: `{evidence}`, which is kept encrypted in the event log
 * @throws PersonaError invalid_argument and card_number_refused with all problems, idempotency_key_required,
 *   idempotency_key_reused, customer_not_found, identifier_not_found, graph_unavailable
 */
export async function verifyIdentifier(
  { graph }: Pick<ServiceDependencies, 'graph'>,
  caller: Caller,
  { body, ...ids }: { customer_id: string; identifier_id: string; body: unknown },
): Promise<ProfileView> {
  const read = readIdentifierVerification(body);
  if (!read.ok) throw validationError(read.problems, read.type);
  const verification = { ...ids, ...read.value, by: 'service' as const };
  await verifyDigitalIdentifier(graph, requestHeader(caller), verification);
  return getCustomerProfile(graph, { customer_id: ids.customer_id });
}
