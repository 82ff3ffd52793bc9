/** The gateway's charges, refunds and disputes, compared with what the graph knows of them. */

import type { GatewayChange } from '../domain/processes.ts';
import type {
  ChargeRecord,
  DisputeRecord,
  RecordPage,
  RefundRecord,
} from '../domain/reconciliation/records.ts';
import type { SliceResult } from '../domain/reconciliation/totals.ts';
import { messageOf } from '../domain/recovery/news.ts';
import { rememberGatewayEvent, wasReceived } from '../graph/index.ts';
import {
  findUnknownDispute,
  findUnknownRefund,
  forgetPendingCharge,
  getPendingCharges,
  keepComparedUntil,
  keepPendingCharge,
  type PendingCharge,
} from '../graph/reconciliation/index.ts';
import { findNewsMatter, keepReport } from '../graph/recovery/index.ts';
import type { Slice } from '../workflows/reconcile-payment-methods.ts';
import {
  type ReconcileDependencies,
  RECONCILIATION,
  reconciliationHeader,
} from './reconciliation-dependencies.ts';
import { orNotCompared } from './reconcile-wallet.ts';
import { type Finder, runSlice } from './reconciliation-slices.ts';
import { sideBySide } from './side-by-side.ts';

const refOf = (record: { gateway_ref: string } | { dispute_ref: string }) =>
  'dispute_ref' in record ? record.dispute_ref : record.gateway_ref;

const DAY_MS = 86_400_000;
/** A refund may fail up to a month after it was made. */
const REFUNDS_FAIL_MS = 31 * DAY_MS;
/** A dispute is decided up to three months after it was opened, sometimes later. */
const DISPUTES_LAST_MS = 120 * DAY_MS;
/** A bank debit has its result after days; one that has none by then is looked at no more. As long as a refund may fail. */
const PENDING_LAST_MS = REFUNDS_FAIL_MS;
/** So many are looked at again in one run, the oldest first: each is a request. */
const PENDING_AT_ONCE = 1_000;
/** Stripe's times are whole seconds: a span that long holds what was made in one of them. */
const SECOND_MS = 1_000;

/** What is compared, and how each of it is: `finder` hears of what the graph does not know. */
type Compare<T> = (record: T, finder: Finder) => Promise<void>;

export function createRecordComparison(deps: ReconcileDependencies): (slice: Slice) => Promise<SliceResult> {
  const { graph, records, followChange, sendReport, tellRecoveries, now } = deps;

  return async ({ stage, after: start, plan, dry_run }) => {
    const { charges, changes } = plan;
    const last = (ms: number) => ({ ...changes, since: Math.min(changes.since, changes.until - ms) });
    switch (stage) {
      case 'charges': {
        const compare = compareCharge(dry_run);
        const result = await pages(
          start,
          (after) => records.charges(charges, after),
          compare,
          (finder) => lookAgain(compare, dry_run, finder),
        );
        if (result.after === undefined && !dry_run) {
          const header = reconciliationHeader('keep:charges', now());
          await keepComparedUntil(graph, header, charges.until);
        }
        return result;
      }
      case 'refunds':
        return pages(start, (after) => records.refunds(last(REFUNDS_FAIL_MS), after), compareRefund(dry_run));
      case 'disputes':
        return pages(
          start,
          (after) => records.disputes(last(DISPUTES_LAST_MS), after),
          compareDispute('dispute', dry_run),
        );
      default:
        return pages(
          start,
          (after) => records.fraudWarnings(changes, after),
          compareDispute('fraud_warning', dry_run),
        );
    }
  };

  function pages<T extends { gateway_ref: string } | { dispute_ref: string }>(
    start: string,
    read: (after: string | undefined) => Promise<RecordPage<T>>,
    compare: Compare<T>,
    first?: (finder: Finder) => Promise<void>,
  ): Promise<SliceResult> {
    return runSlice(start, async (after, _, finder) => {
      if (after === '') await first?.(finder);
      const { items, next } = await read(after === '' ? undefined : after);
      await sideBySide(items, (item) =>
        compare(item, finder).catch(orNotCompared({ gateway_ref: refOf(item) }, finder)),
      );
      return { compared: items.length, ...(next !== undefined && { next }) };
    });
  }

  /** Charges that were being processed when they were compared: by their creation they are in no later span. */
  async function lookAgain(compare: Compare<ChargeRecord>, dryRun: boolean, finder: Finder): Promise<void> {
    for (const pending of await getPendingCharges(graph, { limit: PENDING_AT_ONCE })) {
      finder.alive();
      const record = await findCharge(pending);
      const isSettled = record !== undefined && record.result !== 'pending';
      const { charge_ref: gateway_ref } = pending;
      if (isSettled) await compare(record, finder).catch(orNotCompared({ gateway_ref }, finder));
      else if (now() - pending.made_at < PENDING_LAST_MS) continue;
      if (dryRun) continue;
      const header = reconciliationHeader(`forget:${pending.charge_ref}`, now());
      await forgetPendingCharge(graph, header, pending);
    }
  }

  /** As it is now; `undefined`: the gateway does not list it, as with a key of another account. */
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

  /** As the webhook would: the recovery reads the payment and decides (`services/stripe-webhook.ts`). */
  function compareCharge(dryRun: boolean): Compare<ChargeRecord> {
    return async ({ charge_ref, made_at, ...record }, finder) => {
      const event_id = `${RECONCILIATION}:${charge_ref}:${record.result}`;
      const news = { ...record, event_id };
      const matter = await findNewsMatter(graph, news);
      if (matter !== undefined && record.result === 'pending' && !dryRun)
        await keepPendingCharge(graph, reconciliationHeader(`keep:${charge_ref}`, now()), {
          charge_ref,
          made_at,
        });
      const found = matter && messageOf(news, matter);
      if (found === undefined || found.known) return;
      const { message, customer_id, authenticated } = found;
      const { payment_id, gateway_ref } = message;
      // A decline that belongs to no attempt of ours teaches nothing: its failure was reported, or is none of ours.
      if (message.result === 'declined' && message.attempt_key === undefined) return;
      finder.found({ found: 'charge', customer_id, payment_id, gateway_ref: charge_ref });
      if (dryRun) return;
      const header = reconciliationHeader(event_id, now());
      const report = { kind: 'charge_result', message } as const;
      await keepReport(graph, header, report, customer_id);
      if (authenticated) {
        await tellRecoveries([payment_id], 'paymentAuthenticated', { event_id, gateway_ref });
      } else await sendReport(report);
      await rememberGatewayEvent(graph, header, event_id);
    };
  }

  function compareRefund(dryRun: boolean): Compare<RefundRecord> {
    return async (refund, finder) => {
      const { refund_ref, state, gateway_ref } = refund;
      const event_id = `${RECONCILIATION}:${refund_ref}:${state}`;
      const matter = await findUnknownRefund(graph, refund, event_id);
      if (matter === undefined) return;
      const { customer_id, payment_id } = matter;
      finder.found({ found: 'refund', customer_id, payment_id, gateway_ref: refund_ref });
      if (dryRun) return;
      await hand(customer_id, {
        changed: 'refunds',
        event_id,
        payment_id,
        gateway_ref,
        source: RECONCILIATION,
      });
    };
  }

  function compareDispute(changed: 'dispute' | 'fraud_warning', dryRun: boolean): Compare<DisputeRecord> {
    return async (dispute, finder) => {
      const { dispute_ref, charge_ref, state } = dispute;
      const event_id = `${RECONCILIATION}:${dispute_ref}:${state}`;
      const holder = await findUnknownDispute(graph, dispute);
      if (holder === undefined || (await wasReceived(graph, event_id))) return;
      finder.found({ found: changed, customer_id: holder.customer_id, gateway_ref: dispute_ref });
      if (dryRun) return;
      await hand(undefined, { changed, event_id, dispute_ref, charge_ref, source: RECONCILIATION });
    };
  }

  /** Remembered only after Temporal has it: what breaks off half-way is found again. */
  async function hand(customerId: string | undefined, change: GatewayChange): Promise<void> {
    const { event_id } = change;
    await followChange(customerId, change);
    await rememberGatewayEvent(graph, reconciliationHeader(event_id, now()), event_id);
  }
}
