import { v7 as uuidv7 } from 'uuid';
import type { EventData } from '../../domain/events/event.ts';
import type { Recognition } from '../../domain/recognition.ts';
import { upgradedSegment } from '../../domain/recognition.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { LookupResult } from './evidence.ts';
import type { IncomingRequest } from './incoming-request.ts';
import type { KnownState } from './known-state.ts';

interface OnboardingContext {
  customerId: string;
  incoming: IncomingRequest;
  known: KnownState;
  recognition: Recognition;
}

/** Creates a customer, or upgrades a known one from a proven request; an unproven request does not change it. */
export function writeCustomer(
  tx: CommandTx,
  { customerId, incoming, known, recognition }: OnboardingContext,
): void {
  const { customer_metadata: metadata, gateway_customer_ref: reference } = incoming.request;
  const stream = { stream: 'customer', stream_id: customerId } as const;
  const sealedReference = () =>
    reference === undefined
      ? undefined
      : tx.keyOf(customerId).seal(reference, 'Customer', customerId, 'gateway_customer_ref');
  if (known.customer === undefined) {
    const data = {
      segment: metadata?.segment ?? 'NEW',
      locale: metadata?.locale ?? null,
      ltv_minor: incoming.ltvMinor ?? 0,
      acquisition_date: tx.header.occurredAt,
      gateway_customer_ref: sealedReference() ?? null,
    };
    tx.append({ ...stream, type: 'CustomerCreated', data });
    return;
  }
  if (!recognition.proven) return;
  const { customer } = known;
  const changes: EventData['CustomerProfileUpdated'] = {};
  const segment = upgradedSegment(customer.segment, metadata?.segment ?? customer.segment);
  if (segment !== customer.segment) changes.segment = segment;
  if (customer.locale === undefined && metadata?.locale !== undefined) changes.locale = metadata.locale;
  if (customer.gateway_customer_ref === undefined && reference !== undefined) {
    changes.gateway_customer_ref = sealedReference();
  }
  if (Object.keys(changes).length > 0) {
    tx.append({ ...stream, type: 'CustomerProfileUpdated', data: changes });
  }
  if (incoming.ltvMinor !== undefined && incoming.ltvMinor > customer.ltv_minor) {
    const data = {
      old_ltv_minor: customer.ltv_minor,
      new_ltv_minor: incoming.ltvMinor,
      reason: 'onboarding',
    };
    tx.append({ ...stream, type: 'LtvAdjusted', data });
  }
}

/**
 * Links identifiers that no customer has. One that belongs to another customer is not moved: it led to a suggestion.
 * With an unproven recognition none is linked, or a stranger's address would receive this customer's notices.
 * @returns warnings about those that were not linked
 */
export function writeIdentifiers(
  tx: CommandTx,
  { customerId, incoming, known, found, recognition }: OnboardingContext & { found: LookupResult },
): { warnings: string[] } {
  const stream = { stream: 'customer', stream_id: customerId } as const;
  const warnings = new Set<string>();
  for (const identifier of incoming.identifiers) {
    const holders = found.holdersByIdentifier.get(identifier) ?? [];
    const own = holders.find((match) => match.customer_id === customerId);
    const { type, value, is_verified } = identifier;
    if (own !== undefined) {
      if (recognition.proven && is_verified && !own.is_verified && !own.is_contested) {
        const data = { identifier_id: own.identifier_id };
        tx.append({ ...stream, type: 'DigitalIdentifierVerified', data });
        known.wallet.onIdentifierVerified(own.identifier_id);
      }
    } else if (holders.length > 0 || found.taken.has(identifier)) {
      warnings.add(`${type}_belongs_to_other_customer`);
    } else if (!recognition.proven) {
      warnings.add(`${type}_not_linked`);
    } else {
      const identifier_id = uuidv7();
      const sealed = tx.keyOf(customerId).seal(value, 'DigitalIdentifier', identifier_id, 'value');
      const data = { identifier_id, type, value: sealed, is_verified };
      tx.append({ ...stream, type: 'DigitalIdentifierAdded', data });
    }
  }
  return { warnings: [...warnings] };
}

/** Records suggestions that were never made before: a rejected one is not suggested again. */
export function writeSuggestions(
  tx: CommandTx,
  { customerId, known, recognition }: Omit<OnboardingContext, 'incoming'>,
): void {
  for (const suggestion of recognition.suggestions) {
    if (known.suggestedBefore.includes(suggestion.customer_id)) continue;
    tx.append({
      stream: 'customer',
      stream_id: customerId,
      type: 'IdentityMatchSuggested',
      data: { ...suggestion },
    });
  }
}
