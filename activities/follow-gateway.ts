/** Reads and records gateway updates. Each activity may run twice and acts once. */

import { activityInfo } from '@temporalio/activity';
import { PersonaError } from '../domain/errors.ts';
import { restrictsMethod } from '../domain/disputes.ts';
import type { GatewayDispute, PaymentGateway, SuspectedFraud } from '../domain/ports.ts';
import type { GatewayChange } from '../domain/workflow-contracts.ts';
import { isVerificationOverdue } from '../domain/reconciliation/methods.ts';
import { NETWORK_REVOCATION } from '../domain/wallet.ts';
import {
  type CardHolder,
  type CommandHeader,
  findCardHolders,
  followPaymentMethod,
  type Graph,
  getPaymentMethodToken,
  readWallet,
  recordDispute,
  setOffSessionConsent,
} from '../graph/index.ts';
import { findErasureOf } from '../graph/erasure/index.ts';
import { findObligation, followRefunds, getOpenObligations } from '../graph/recovery/index.ts';
import type { DisputeChange, FollowActivities } from '../workflows/follow-gateway.ts';
import { getWalletEntries } from '../graph/reconciliation/index.ts';
import { detachRemovedMethod } from './detach-removed.ts';
import { gatewayCall } from './gateway-faults.ts';
import { headerOf, activityIdempotencyKey } from './command-header.ts';
import type { SignalRecoveries } from './recovery.ts';
import { completeLostVerification } from './verification.ts';
import { finishLostExpiryDateUpdate } from './expiry-date-update.ts';

export interface FollowDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  signalRecoveries: SignalRecoveries;
  /** Epoch milliseconds. */
  now: () => number;
  /** Called for each message about a customer who is erased, or being erased. */
  onErased?: () => void;
}

type GatewayMethodChange = Parameters<FollowActivities['followPaymentMethod']>[0];

export function createFollowActivities({
  graph,
  gateway,
  signalRecoveries,
  now,
  onErased,
}: FollowDependencies): FollowActivities {
  /** One read is one command, whatever it finds: a retry of the activity gets the first result. */
  function header({ event_id, source }: GatewayChange, command = 'follow'): CommandHeader {
    const commandHeader = headerOf(activityIdempotencyKey(command), {
      occurredAt: new Date(now()).toISOString(),
      actor: 'gateway',
      causationId: event_id,
    });
    return source === undefined ? commandHeader : { ...commandHeader, caller: source, actor: source };
  }

  return {
    async followPaymentMethod(change) {
      const { customer_id, payment_method_id, event_id } = change;
      const ids = { customer_id, payment_method_id };
      const wallet = await readWallet(graph, customer_id);
      const before = wallet.find((one) => one.payment_method_id === payment_method_id);
      // A read from before it was attached, recorded after that, would remove it: its verification reads it instead.
      if (before?.status === 'unverified') return await completeVerificationIfLost(change);
      // Its removal may have been lost before it reached the gateway.
      if (before !== undefined && before.removed_at !== null)
        return (await detachRemovedMethod({ graph, gateway }, ids)) === 'detached' ? 'detached' : 'unchanged';
      const token = (await getPaymentMethodToken(graph, ids)).reveal();
      const found = await gatewayCall(gateway.getPaymentMethod(token));
      // With another account's API key every method would be unknown: no reason to remove it.
      if (found === undefined) return 'unknown';
      const followed = await followPaymentMethod(graph, header(change), { ...ids, found });
      // After the commit: a crash in between repeats the activity, and a repeated signal is harmless.
      const signalOpenRecoveries = async () => {
        const openPaymentIds = await getOpenObligations(graph, customer_id);
        await signalRecoveries(openPaymentIds, 'paymentMethodUpdated', { event_id, payment_method_id });
      };
      if (followed.change === 'updated' && followed.payment_method_status === 'active')
        await signalOpenRecoveries();
      // The run of a change of its expiry date may have been lost.
      const updateDependencies = {
        graph,
        gateway,
        signalOpenRecoveries,
        header: (command: string) => header(change, command),
      };
      if (await finishLostExpiryDateUpdate(updateDependencies, ids, now())) return 'updated';
      return followed.change === 'none' ? 'unchanged' : followed.change;
    },

    async followMandate(change) {
      const { customer_id, payment_method_id, mandate_ref } = change;
      const ids = { customer_id, payment_method_id };
      const [token, mandate] = await Promise.all([
        getPaymentMethodToken(graph, ids),
        gatewayCall(gateway.getMandate(mandate_ref)),
      ]);
      if (mandate?.token !== token.reveal()) return 'unknown';
      if (mandate.state !== 'ended') return 'unchanged';
      const withdrawal = { ...ids, off_session_consent: false, source: NETWORK_REVOCATION };
      const changed = await setOffSessionConsent(graph, header(change), withdrawal).catch(ignoreRemoved);
      return changed === undefined || !changed.changed ? 'unchanged' : 'consent_withdrawn';
    },

    async followRefunds(change) {
      const { payment_id, gateway_ref } = change;
      const refunds = await gatewayCall(gateway.refundsOf(gateway_ref));
      const written = await followRefunds(graph, header(change), {
        ...{ payment_id, gateway_ref, refunds },
        now: now(),
      });
      if (written.failed > 0) return 'refund_failed';
      return written.by_others > 0 ? 'refund_recorded' : 'unchanged';
    },

    async followDispute(change) {
      const { changed, dispute_ref } = change;
      const dispute = await gatewayCall(
        changed === 'dispute' ? gateway.getDispute(dispute_ref) : gateway.getFraudWarning(dispute_ref),
      );
      if (dispute === undefined) return { outcome: 'unknown', reports: [] };
      const holders = await findCardHolders(graph, dispute);
      if (holders.length === 0) return { outcome: await outcomeWithoutHolder(dispute), reports: [] };
      const reports: SuspectedFraud[] = [];
      let isNew = false;
      for (const holder of holders) {
        const recorded = await recordForHolder(change, holder, dispute);
        isNew ||= recorded.changed;
        reports.push(...recorded.reports);
      }
      if (reports.length > 0) return { outcome: 'compromised', reports };
      if (!isNew) return { outcome: 'unchanged', reports };
      return { outcome: restrictsMethod(dispute.state) ? 'disputed' : 'dispute_over', reports };
    },
  };

  /** Verifies a new method whose own run was lost. */
  async function completeVerificationIfLost(change: GatewayMethodChange): Promise<'verified' | 'unchanged'> {
    const { customer_id, payment_method_id, event_id } = change;
    const entries = await getWalletEntries(graph, { customer_id });
    const entry = entries.find((one) => one.payment_method_id === payment_method_id);
    if (entry === undefined || !isVerificationOverdue(entry, now())) return 'unchanged';
    // Each attempt attaches again and may get a different result, so that each is a separate command.
    const commandHeader = header(change, `verify:${activityInfo().attempt}`);
    const ids = { customer_id, payment_method_id };
    await completeLostVerification(
      { graph, gateway, signalRecoveries, header: commandHeader, event_id },
      ids,
    );
    return 'verified';
  }

  async function recordForHolder(
    change: DisputeChange,
    holder: CardHolder,
    dispute: GatewayDispute,
  ): Promise<{ changed: boolean; reports: SuspectedFraud[] }> {
    const { customer_id, charged } = holder;
    const commandHeader = header(change, `dispute:${customer_id}`);
    const written = await recordDispute(graph, commandHeader, { holder, dispute }).catch(ignoreErased);
    if (written === undefined) return { changed: false, reports: [] };
    // After the commit: a crash in between repeats the activity, and a repeated signal is harmless.
    await signalRecoveries(written.ended, 'fraudKnown', { event_id: change.event_id });
    const payment_id = charged ? await ownPayment(customer_id, dispute.payment_id) : undefined;
    return {
      changed: written.changed,
      reports: written.suspected.map((payment_method_id) => ({
        event_id: `${dispute.dispute_ref}:${payment_method_id}`,
        ...{ customer_id, payment_method_id, code: dispute.reason, occurred_at: commandHeader.occurredAt },
        ...(payment_id && { payment_id }),
      })),
    };
  }

  /** Who paid may be erased: no card of theirs is left, and their payments belong to a pseudonym. */
  async function outcomeWithoutHolder({ payment_id }: GatewayDispute): Promise<'ignored' | 'customer_gone'> {
    const obligation = payment_id === undefined ? undefined : await findObligation(graph, payment_id);
    if (obligation === undefined || (await findErasureOf(graph, obligation.customer_id)) === undefined)
      return 'ignored';
    onErased?.();
    return 'customer_gone';
  }

  /** The payment id in the charge’s metadata, if it is one of this customer's obligations. */
  async function ownPayment(customerId: string, named: string | undefined): Promise<string | undefined> {
    const obligation = named === undefined ? undefined : await findObligation(graph, named);
    return obligation?.customer_id === customerId ? named : undefined;
  }
}

/** A removed method has no consent to withdraw. */
function ignoreRemoved(error: unknown): undefined {
  if (!(error instanceof PersonaError) || error.type !== 'payment_method_not_found') throw error;
}

/** A dispute of an erased customer is not recorded. */
function ignoreErased(error: unknown): undefined {
  if (!(error instanceof PersonaError) || error.type !== 'customer_not_found') throw error;
}
