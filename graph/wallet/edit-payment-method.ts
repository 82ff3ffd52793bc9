import { chosenBy } from '../../domain/wallet.ts';
import type { PaymentMethodStatus } from '../../domain/payment-method.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import { lockOwner, type Requester } from '../customers/lock-owner.ts';
import { requireVersion } from '../expected-version.ts';
import type { Graph } from '../graph.ts';
import type { Wallet } from './wallet.ts';
import { openWallet } from './wallet.ts';

interface MethodRef {
  customer_id: string;
  payment_method_id: string;
  /** The method's `changed_seq`, if it must not have changed since. */
  expected_version?: number;
}

/** `changed`: false if the value was already set; then no event was written. `version` is the customer's. */
export interface EditedPaymentMethod {
  changed: boolean;
  version: number;
}

// Only the event's own time shows which of two observations is newer.
const STATUS_SET_AT = `
  MATCH (e:PersonaEvent {stream_id: $customer_id, seq: $seq})
  RETURN e.occurred_at AS occurred_at`;

/**
 * @param input.reason - who requested it, or which rule; recorded in the event
 * @param input.observed_at - RFC 3339; an observation older than the event that set the status changes nothing. Absent:
 * a decision, which always counts
 * @throws PersonaError customer_not_found, payment_method_not_found, illegal_transition, stale_version
 */
export async function updatePaymentMethodStatus(
  graph: Graph,
  header: CommandHeader,
  input: MethodRef & { status: PaymentMethodStatus; reason: string; observed_at?: string },
): Promise<EditedPaymentMethod> {
  const { customer_id, payment_method_id, status, reason, observed_at } = input;
  const occurredAt = observed_at ?? header.occurredAt;
  return edit(graph, { ...header, occurredAt }, 'updatePaymentMethodStatus', input, async (wallet, tx) => {
    if (observed_at !== undefined) {
      const seq = wallet.find(payment_method_id).status_seq;
      const [row] = await tx.run<{ occurred_at: string }>(STATUS_SET_AT, { customer_id, seq });
      if (row !== undefined && tx.header.occurredAt < row.occurred_at) return false;
    }
    return wallet.changeStatus(payment_method_id, status, reason);
  });
}

/**
 * @param input.by - who requests it; a suspended customer may not
 * @throws PersonaError customer_not_found, customer_suspended, payment_method_not_found, illegal_transition (it is not
 * active, or not proven to be the customer's)
 */
export async function setDefaultPaymentMethod(
  graph: Graph,
  header: CommandHeader,
  input: MethodRef & { by: Requester },
): Promise<EditedPaymentMethod> {
  return edit(graph, header, 'setDefaultPaymentMethod', input, (wallet) =>
    wallet.makeDefault(input.payment_method_id, chosenBy(input.by)),
  );
}

/**
 * The customer's consent to be charged without being present.
 * @param input.source - `service`, `customer`, `network_revocation`, or as a service sent it
 * @throws PersonaError customer_not_found, customer_suspended (a customer's own consent), payment_method_not_found,
 *   illegal_transition (not proven to be the customer's; or revoked, and not by the customer)
 */
export async function setOffSessionConsent(
  graph: Graph,
  header: CommandHeader,
  input: MethodRef & { off_session_consent: boolean; source: string },
): Promise<EditedPaymentMethod> {
  const { payment_method_id, off_session_consent, source } = input;
  const by = source === 'customer' ? source : 'service';
  return edit(graph, header, 'setOffSessionConsent', { ...input, by }, (wallet, tx) =>
    wallet.setConsent(payment_method_id, off_session_consent, source, tx.header.occurredAt),
  );
}

/**
 * Removes a method from its customer's wallet: lists omit it from now on, and adding the same token again restores it
 * under its id. The caller detaches it at the gateway.
 * @throws PersonaError customer_not_found, customer_suspended (a customer's own request), payment_method_not_found
 * (also if it was removed before), stale_version
 */
export async function removePaymentMethod(
  graph: Graph,
  header: CommandHeader,
  input: MethodRef & { by: Requester },
): Promise<EditedPaymentMethod> {
  return edit(graph, header, 'removePaymentMethod', input, (wallet) => {
    wallet.remove(input.payment_method_id, 'removed');
    return true;
  });
}

async function edit(
  graph: Graph,
  header: CommandHeader,
  name: string,
  input: MethodRef & { by?: Requester },
  change: (wallet: Wallet, tx: CommandTx) => boolean | Promise<boolean>,
): Promise<EditedPaymentMethod> {
  const { customer_id, payment_method_id } = input;
  return runCommand(graph, header, name, input, async (tx) => {
    const [, wallet] = await Promise.all([lockOwner(tx, customer_id, input.by), openWallet(tx, customer_id)]);
    const { changed_seq } = wallet.find(payment_method_id);
    requireVersion(`payment method ${payment_method_id}`, changed_seq, input.expected_version);
    const changed = await change(wallet, tx);
    return { changed, version: tx.versionOf(customer_id) };
  });
}
