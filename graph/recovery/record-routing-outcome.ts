import { routedEventId, type RoutingOutcome, routedPaymentId } from '../../domain/inbound/routing-outcome.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import { changeLtv } from '../customers/ltv.ts';
import { requireLogin } from '../devices/logins.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import { openWallet, type Wallet, type WalletMethod } from '../wallet/wallet.ts';
import { classifyFailure, withRenewedConsent } from './apply-decline.ts';
import { endOtherRecoveries } from './end-other-recoveries.ts';
import { writeReport } from './write-report.ts';

interface Context {
  tx: CommandTx;
  customer: CustomerNode;
  wallet: Wallet;
  method: Readonly<WalletMethod>;
}

/**
 * Records a payment that Cerebrum has routed. A success counts as a use of the method and, in the reporting currency, adds
 * to the lifetime value. A decline is recorded as a reported attempt, with its consequences for the method; it opens no
 * recovery.
 * @param header.occurredAt when the payment was made
 * @returns the recoveries that a withdrawn consent ends
 * @throws PersonaError customer_not_found, payment_method_not_found, device_not_found (not one of this customer's),
 *   idempotency_key_reused
 */
export async function recordRoutingOutcome(
  graph: Graph,
  header: CommandHeader,
  { outcome, policy }: { outcome: RoutingOutcome; policy: Policy },
): Promise<{ endedRecoveries: string[]; version: number }> {
  const { customer_id, payment_method_id, device_id, succeeded } = outcome;
  return runCommand(graph, header, 'recordRoutingOutcome', outcome, async (tx) => {
    const [customer, wallet] = await Promise.all([
      tx.lockCustomer(customer_id),
      openWallet(tx, customer_id),
      device_id === undefined ? undefined : requireLogin(tx, customer_id, device_id),
    ]);
    // Also one that has been removed since.
    const method = wallet.methods.find((one) => one.payment_method_id === payment_method_id);
    if (method === undefined) {
      const detail = `customer ${customer_id} has no payment method ${payment_method_id}`;
      throw new PersonaError('payment_method_not_found', detail);
    }
    const context = { tx, customer, wallet, method };
    const endedRecoveries = succeeded
      ? await recordSuccess(context, outcome, policy)
      : await recordDecline(context, outcome, policy);
    return { endedRecoveries, version: tx.versionOf(customer_id) };
  });
}

async function recordSuccess(
  { tx, customer, wallet, method }: Context,
  { amount, currency, device_id, occurred_at }: RoutingOutcome,
  { reportingCurrency }: Policy,
): Promise<string[]> {
  const { payment_method_id: id } = method;
  if (currency === reportingCurrency) changeLtv(tx, customer, { add_minor: amount }, 'routed payment');
  if (method.removed_at !== null) return [];
  wallet.recordUse(id, { at: occurred_at, deviceId: device_id });
  if (method.status === 'failed' && (await isCorrected(tx, id, occurred_at)))
    wallet.changeStatus(id, 'active', 'routed payment');
  return [];
}

const DECLINES = `
  MATCH (a:ChargeAttempt {payment_method_id: $payment_method_id})
  WHERE a.state = 'declined'
  RETURN collect(DISTINCT a.class) AS classes, max(a.claimed_at) AS newest`;

/**
 * Whether the method failed only for details that must have been corrected since, as it was charged after that. One that a
 * decline has made suspect stays as it is: that is for Chimera to decide.
 */
async function isCorrected(tx: CommandTx, payment_method_id: string, at: string): Promise<boolean> {
  const [row] = await tx.read<{ classes: string[]; newest: string | null }>(DECLINES, { payment_method_id });
  if (!row || row.newest === null || row.newest >= at) return false;
  return row.classes.includes('FIX') && !row.classes.includes('FRAUD');
}

async function recordDecline(
  { tx, customer, wallet, method }: Context,
  outcome: RoutingOutcome,
  policy: Policy,
): Promise<string[]> {
  const failure = asFailure(outcome);
  const decision = withRenewedConsent(classifyFailure(failure, method), method, failure.occurred_at);
  // A success since then, or a long time, says that the details have been corrected.
  const age = Date.parse(tx.recordedAt) - Date.parse(failure.occurred_at);
  const isOld = method.last_used > failure.occurred_at || age > policy.recovery.maxEventAge;
  writeReport({ tx, input: { failure }, customer, wallet, decision, method }, isOld ? 'lesson' : 'all');
  const { customer_id, payment_id, payment_method_id } = failure;
  return endOtherRecoveries(tx, decision, { customer_id, payment_id, payment_method_id });
}

function asFailure({ transaction_id, event_id, ...outcome }: RoutingOutcome): PaymentFailed {
  const ids = { event_id: routedEventId(event_id), payment_id: routedPaymentId(transaction_id) };
  return { ...outcome, ...ids, kind: 'one_time' };
}
