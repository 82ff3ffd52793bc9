import { v7 as uuidv7 } from 'uuid';
import { PersonaError } from '../../domain/errors.ts';
import type { OnboardingResult, OnboardingRequest } from '../../domain/onboarding/types.ts';
import type { Policy } from '../../domain/policy.ts';
import { recognise, recogniseNewCustomer } from '../../domain/recognition.ts';
import { requestHash } from '../kernel/body-hash.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { lockIdentities } from '../kernel/identity-locks.ts';
import { writeAddress } from './address.ts';
import { writeCustomer, writeIdentifiers, writeSuggestions } from './customer.ts';
import { writeDevice } from './device.ts';
import { isErasedId } from '../erasure/erased-ids.ts';
import { findEvidence } from './evidence.ts';
import type { IncomingRequest } from './incoming-request.ts';
import { normaliseRequest } from './incoming-request.ts';
import { readKnownState } from './known-state.ts';
import { writeMethod } from './method.ts';

/** The result, with the keyed hash of its request. */
export type OnboardedCustomer = OnboardingResult & { request_hash: string };

/**
 * Recognises the customer of a checkout request, or creates a new one, and writes everything in the request in one
 * transaction (docs/reference/workflows.md, 'onboardCustomer'). Concurrent requests of the same person lead to one customer: those with
 * the same identifier, device or token wait for each other.
 * @param input.request - as returned by `validateOnboarding`
 * @throws PersonaError invalid_argument, customer_not_found (the given customer was erased), idempotency_key_reused
 */
export async function onboard(
  graph: Graph,
  header: CommandHeader,
  input: { request: OnboardingRequest; policy: Policy },
): Promise<OnboardedCustomer> {
  const { request, policy } = input;
  const incoming = normaliseRequest(request, policy, graph.blindIndex);
  return runCommand(graph, { ...header, occurredAt: request.occurred_at }, 'onboard', request, async (tx) => {
    lockAllIdentities(tx, incoming);
    const found = await findEvidence(tx, incoming, policy.onboarding.limits.device);
    const isErased = request.customer_id !== undefined && (await isErasedId(graph, tx, request.customer_id));
    if (found.isGivenCustomerGone || isErased) {
      throw new PersonaError('customer_not_found', `there is no customer ${request.customer_id}`);
    }
    const isNewCustomer = request.customer_id !== undefined && found.evidence.given_customer_id === undefined;
    const recognition = (isNewCustomer ? recogniseNewCustomer : recognise)(found.evidence, policy);
    const customerId = recognition.customer_id ?? request.customer_id ?? uuidv7();
    const known = await readKnownState(tx, { customerId, recognition, incoming, found });

    writeCustomer(tx, { customerId, incoming, known, recognition });
    const identifiers = writeIdentifiers(tx, { customerId, incoming, known, found, recognition });
    const deviceId = writeDevice(tx, { customerId, incoming, known, recognition, policy });
    const method = writeMethod(tx, {
      customerId,
      incoming,
      known,
      recognition,
      tokenHolder: found.tokenHolder,
      deviceId,
    });
    writeAddress(tx, { customerId, incoming, known, recognition });
    writeSuggestions(tx, { customerId, known, recognition });

    return {
      customer_id: customerId,
      created: recognition.customer_id === undefined,
      version: tx.versionOf(customerId),
      match: {
        rule: recognition.rule,
        proven: recognition.proven,
        suggested_customer_ids: recognition.suggestions.map((suggestion) => suggestion.customer_id),
      },
      ...method.linked,
      ...(deviceId === null ? {} : { device_id: deviceId }),
      warnings: [...incoming.warnings, ...identifiers.warnings, ...method.warnings],
      request_hash: requestHash(graph, request),
    };
  });
}

function lockAllIdentities(tx: CommandTx, incoming: IncomingRequest): void {
  lockIdentities(tx, [
    ...incoming.identifiers.flatMap((identifier) => identifier.hashes),
    ...(incoming.device?.hashes ?? []),
    ...incoming.tokenHashes,
    ...(incoming.request.customer_id === undefined ? [] : [`customer:${incoming.request.customer_id}`]),
  ]);
}
