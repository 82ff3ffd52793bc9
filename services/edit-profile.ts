import { validationError } from '../domain/errors.ts';
import { formatRules } from '../domain/onboarding/formats.ts';
import { readIdentifierVerification, readProfileChange } from '../domain/profile-change.ts';
import { getCustomerProfile, updateCustomer, verifyDigitalIdentifier } from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import { signalRecoveries } from '../temporal/workflow-client.ts';
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
 * recoveries are signalled about the payment methods that become proven by it.
 *
 * @param request.body untrusted: `{evidence}`, which is kept encrypted in the event log
 * @throws PersonaError invalid_argument and card_number_refused with all problems, idempotency_key_required,
 *   idempotency_key_reused, customer_not_found, identifier_not_found, graph_unavailable, temporal_unavailable (a repeat
 *   signals them)
 */
export async function verifyIdentifier(
  { graph, temporal }: Pick<ServiceDependencies, 'graph' | 'temporal'>,
  caller: Caller,
  { body, ...ids }: { customer_id: string; identifier_id: string; body: unknown },
): Promise<ProfileView> {
  const read = readIdentifierVerification(body);
  if (!read.ok) throw validationError(read.problems, read.type);
  const { proven_payment_method_ids: proven } = await verifyDigitalIdentifier(graph, requestHeader(caller), {
    ...{ ...ids, ...read.value },
    by: 'service',
  });
  const { customer_id, identifier_id } = ids;
  const openPaymentIds = proven.length === 0 ? [] : await getOpenObligations(graph, customer_id);
  await temporal.withDeadline(new Date(caller.deadline), async () => {
    for (const payment_method_id of proven) {
      const event_id = `identifier-verified:${identifier_id}:${payment_method_id}`;
      await signalRecoveries(temporal, openPaymentIds, 'paymentMethodAdded', { event_id, payment_method_id });
    }
  });
  return getCustomerProfile(graph, { customer_id });
}
