/** Compares the gateway's charges, refunds, disputes and fraud warnings with the graph. */

import type { GatewayChange } from '../domain/workflow-contracts.ts';
import type {
  ChargeRecord,
  DisputeRecord,
  RecordPage,
  RefundRecord,
} from '../domain/reconciliation/records.ts';
import type { SliceResult } from '../domain/reconciliation/totals.ts';
import { messageOf } from '../domain/recovery/gateway-update.ts';
import { recordGatewayEvent, wasReceived } from '../graph/index.ts';
import {
  findUnrecordedDispute,
  findUnrecordedRefund,
  deletePendingCharge,
  getPendingCharges,
  saveComparedUntil,
  savePendingCharge,
  type PendingCharge,
} from '../graph/reconciliation/index.ts';
import { findKnownPayment, storeReport } from '../graph/recovery/index.ts';
import type { Slice } from '../workflows/reconcile-payment-methods.ts';
import {
  type ReconcileDependencies,
  RECONCILIATION_SOURCE,
  reconciliationHeader,
} from './reconciliation-dependencies.ts';
import { reportNotCompared } from './reconcile-wallet.ts';
import { type DifferenceCollector, runSlice } from './reconciliation-slices.ts';
import { forEachConcurrently } from './concurrency.ts';

const refOf = (record: { gateway_ref: string } | { dispute_ref: string }) =>
  'dispute_ref' in record ? record.dispute_ref : record.gateway_ref;

const DAY_MS = 86_400_000;
/** A refund may fail up to a month after it was made. */
const REFUND_FAILURE_WINDOW_MS = 31 * DAY_MS;
/** A dispute is decided up to three months after it was opened, sometimes later. */
const DISPUTE_DURATION_MS = 120 * DAY_MS;
/** A bank debit takes days; one without a result by then is no longer checked. The same time as for a refund. */
const PENDING_CHARGE_TTL_MS = REFUND_FAILURE_WINDOW_MS;
/** The most that one run checks again, the oldest first: each takes a request. */
const PENDING_CHARGES_PER_RUN = 1_000;
/** Stripe's times are whole seconds: a span of this length covers one of them. */
const SECOND_MS = 1_000;

/** Compares one record; the collector gets the differences. */
type Compare<T> = (record: T, collector: DifferenceCollector) => Promise<void>;

export function createRecordComparison(
  dependencies: ReconcileDependencies,
): (slice: Slice) => Promise<SliceResult> {
  const { graph, records, followChange, sendReport, signalRecoveries, now } = dependencies;

  return async ({ stage, after: start, plan, dry_run }) => {
    const { charges, changes } = plan;
    const spanOfAtLeast = (ms: number) => ({
      ...changes,
      since: Math.min(changes.since, changes.until - ms),
    });
    switch (stage) {
      case 'charges': {
        const compare = compareCharge(dry_run);
        const result = await comparePages(
          start,
          (after) => records.charges(charges, after),
          compare,
          (collector) => recheckPendingCharges(compare, dry_run, collector),
        );
        if (result.after === undefined && !dry_run) {
          const header = reconciliationHeader('keep:charges', now());
          await saveComparedUntil(graph, header, charges.until);
        }
        return result;
      }
      case 'refunds':
        return comparePages(
          start,
          (after) => records.refunds(spanOfAtLeast(REFUND_FAILURE_WINDOW_MS), after),
          compareRefund(dry_run),
        );
      case 'disputes':
        return comparePages(
          start,
          (after) => records.disputes(spanOfAtLeast(DISPUTE_DURATION_MS), after),
          compareDispute('dispute', dry_run),
        );
      default:
        return comparePages(
          start,
          (after) => records.fraudWarnings(changes, after),
          compareDispute('fraud_warning', dry_run),
        );
    }
  };

  function comparePages<T extends { gateway_ref: string } | { dispute_ref: string }>(
    start: string,
    read: (after: string | undefined) => Promise<RecordPage<T>>,
    compare: Compare<T>,
    first?: (collector: DifferenceCollector) => Promise<void>,
  ): Promise<SliceResult> {
    return runSlice(start, async (after, _, collector) => {
      if (after === '') await first?.(collector);
      const { items, next } = await read(after === '' ? undefined : after);
      await forEachConcurrently(items, (item) =>
        compare(item, collector).catch(reportNotCompared({ gateway_ref: refOf(item) }, collector)),
      );
      return { compared: items.length, ...(next !== undefined && { next }) };
    });
  }

  /** Compares again charges that were pending when they were compared: no later span covers their creation. */
  async function recheckPendingCharges(
    compare: Compare<ChargeRecord>,
    dryRun: boolean,
    collector: DifferenceCollector,
  ): Promise<void> {
    for (const pending of await getPendingCharges(graph, { limit: PENDING_CHARGES_PER_RUN })) {
      collector.heartbeat();
      const record = await findCharge(pending);
      const isSettled = record !== undefined && record.result !== 'pending';
      const { charge_ref: gateway_ref } = pending;
      if (isSettled) await compare(record, collector).catch(reportNotCompared({ gateway_ref }, collector));
      else if (now() - pending.made_at < PENDING_CHARGE_TTL_MS) continue;
      if (dryRun) continue;
      const header = reconciliationHeader(`forget:${pending.charge_ref}`, now());
      await deletePendingCharge(graph, header, pending);
    }
  }

  /** The charge's current state; `undefined`: the gateway does not list it, for example with another account's key. */
  async function findCharge({ charge_ref, made_at }: PendingCharge): Promise<ChargeRecord | undefined> {
    let after: string | undefined;
    do {
      const page = await records.charges({ since: made_at, until: made_at + SECOND_MS }, after);
      const record = page.items.find((one) => one.charge_ref === charge_ref);
      if (record !== undefined) return record;
      after = page.next;
    } while (after !== undefined);
    return undefined;
  }

  /** Acts as the webhook would: the recovery reads the payment and decides (`services/stripe-webhook.ts`). */
  function compareCharge(dryRun: boolean): Compare<ChargeRecord> {
    return async ({ charge_ref, made_at, ...record }, collector) => {
      const event_id = `${RECONCILIATION_SOURCE}:${charge_ref}:${record.result}`;
      const update = { ...record, event_id };
      const payment = await findKnownPayment(graph, update);
      if (payment !== undefined && record.result === 'pending' && !dryRun)
        await savePendingCharge(graph, reconciliationHeader(`keep:${charge_ref}`, now()), {
          charge_ref,
          made_at,
        });
      const found = payment && messageOf(update, payment);
      if (found === undefined || found.known) return;
      const { message, customer_id, authenticated } = found;
      const { payment_id, gateway_ref } = message;
      // A decline without an attempt of Persona's has no effect: it was reported as a failure, or is not Persona's.
      if (message.result === 'declined' && message.attempt_key === undefined) return;
      collector.add({ found: 'charge', customer_id, payment_id, gateway_ref: charge_ref });
      if (dryRun) return;
      const header = reconciliationHeader(event_id, now());
      const report = { kind: 'charge_result', message } as const;
      await storeReport(graph, header, report, customer_id);
      if (authenticated) {
        await signalRecoveries([payment_id], 'paymentAuthenticated', { event_id, gateway_ref });
      } else await sendReport(report);
      await recordGatewayEvent(graph, header, event_id);
    };
  }

  function compareRefund(dryRun: boolean): Compare<RefundRecord> {
    return async (refund, collector) => {
      const { refund_ref, state, gateway_ref } = refund;
      const event_id = `${RECONCILIATION_SOURCE}:${refund_ref}:${state}`;
      const payment = await findUnrecordedRefund(graph, refund, event_id);
      if (payment === undefined) return;
      const { customer_id, payment_id } = payment;
      collector.add({ found: 'refund', customer_id, payment_id, gateway_ref: refund_ref });
      if (dryRun) return;
      await requestFollowUp(customer_id, {
        changed: 'refunds',
        event_id,
        payment_id,
        gateway_ref,
        source: RECONCILIATION_SOURCE,
      });
    };
  }

  function compareDispute(changed: 'dispute' | 'fraud_warning', dryRun: boolean): Compare<DisputeRecord> {
    return async (dispute, collector) => {
      const { dispute_ref, charge_ref, state } = dispute;
      const event_id = `${RECONCILIATION_SOURCE}:${dispute_ref}:${state}`;
      const holder = await findUnrecordedDispute(graph, dispute);
      if (holder === undefined || (await wasReceived(graph, event_id))) return;
      collector.add({ found: changed, customer_id: holder.customer_id, gateway_ref: dispute_ref });
      if (dryRun) return;
      await requestFollowUp(undefined, {
        changed,
        event_id,
        dispute_ref,
        charge_ref,
        source: RECONCILIATION_SOURCE,
      });
    };
  }

  /** Recorded only after Temporal has accepted it: after a crash in between, the difference is found again. */
  async function requestFollowUp(customerId: string | undefined, change: GatewayChange): Promise<void> {
    const { event_id } = change;
    await followChange(customerId, change);
    await recordGatewayEvent(graph, reconciliationHeader(event_id, now()), event_id);
  }
}
