/** Compares a customer's wallet with the methods that are attached to the customer at the gateway. */

import { log } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import { ERRORS, type ErrorType, PersonaError } from '../domain/errors.ts';
import type { Difference } from '../domain/reconciliation/totals.ts';
import {
  type AttachedMethod,
  classifyAttachment,
  compareMethod,
  isVerificationOverdue,
} from '../domain/reconciliation/methods.ts';
import { type Mismatch, UNKNOWN_HERE } from '../domain/reconciliation/mismatches.ts';
import type { GatewayPaymentMethod } from '../domain/ports.ts';
import { hasCorrectDefault } from '../domain/wallet.ts';
import { getPaymentMethodToken } from '../graph/index.ts';
import {
  type CustomerToReconcile,
  entriesByToken,
  getWalletEntries,
  recordMismatch,
  recordWalletMismatch,
  repairDefault,
  repairVersion,
  type WalletEntry,
} from '../graph/reconciliation/index.ts';
import {
  type ReconcileDependencies,
  RECONCILIATION_SOURCE,
  reconciliationHeader,
} from './reconciliation-dependencies.ts';
import type { DifferenceCollector } from './reconciliation-slices.ts';
import { activityIdempotencyKey } from './command-header.ts';

interface ComparisonContext {
  customer: CustomerToReconcile;
  /** The gateway's customer. */
  owner: string;
  wallet: readonly WalletEntry[];
  collector: DifferenceCollector;
}

/** This many consecutive unknown methods of unknown customers mean that the API key belongs to another account. */
const MAX_CONSECUTIVE_UNKNOWN = 20;

/** @returns compares one customer's wallet; concurrent calls share the check of the gateway's account */
export function createWalletComparison(
  { graph, records, followChange, now }: ReconcileDependencies,
  dryRun: boolean,
): (customer: CustomerToReconcile, collector: DifferenceCollector) => Promise<void> {
  let consecutiveUnknown = 0;

  return async (customer, collector) => {
    const { customer_id } = customer;
    await compare(customer, collector).catch(reportNotCompared({ customer_id }, collector));
  };

  async function compare(customer: CustomerToReconcile, collector: DifferenceCollector): Promise<void> {
    const { customer_id, gateway_customer_ref: owner } = customer;
    await repairCustomerVersion(customer, collector);
    // Before the wallet, so that a method added meanwhile does not count as unknown.
    const attached = owner === null ? undefined : await listAttachedMethods(owner, collector);
    const wallet = await getWalletEntries(graph, { customer_id });
    await repairWalletDefault(customer_id, wallet, collector);
    // Before the check of `owner`: its customer may not exist at the gateway yet.
    for (const { payment_method_id } of wallet.filter((entry) => isVerificationOverdue(entry, now()))) {
      collector.add({ found: 'unverified', customer_id, payment_method_id });
      if (!dryRun) await requestFollowUp(customer_id, payment_method_id);
    }
    if (owner === null) return;
    const isKnown = attached !== undefined;
    if (isKnown) consecutiveUnknown = 0;
    const unattached = await compareAttached(attached ?? [], { customer, owner, wallet, collector });
    // Methods that are not attached there are read individually: detached, another customer's, or unknown.
    for (const entry of unattached) {
      collector.heartbeat();
      const ids = { customer_id, payment_method_id: entry.payment_method_id };
      const token = (await getPaymentMethodToken(graph, ids)).reveal();
      const found = await records.getPaymentMethod(token);
      requireOwnAccount(isKnown || found !== undefined);
      await reconcileEntry(customer_id, entry, found, { owner, collector });
    }
  }

  /** @param isKnown the gateway knows the customer, or the method */
  function requireOwnAccount(isKnown: boolean): void {
    consecutiveUnknown = isKnown ? 0 : consecutiveUnknown + 1;
    if (consecutiveUnknown < MAX_CONSECUTIVE_UNKNOWN) return;
    const message = `The last ${MAX_CONSECUTIVE_UNKNOWN} payment methods and their customers are unknown at the payment gateway: STRIPE_API_KEY belongs to another account`;
    throw new PersonaError('gateway_misconfigured', message);
  }

  /** @returns the methods of the wallet that are not attached there */
  async function compareAttached(
    attached: readonly AttachedMethod[],
    { customer, owner, wallet, collector }: ComparisonContext,
  ): Promise<Set<WalletEntry>> {
    const { customer_id } = customer;
    const held = wallet.filter(({ status, removed_at }) => removed_at === null && status !== 'unverified');
    const unattached = new Set(held);
    const entryOf = entriesByToken(graph, wallet);
    let unknown = 0;
    for (const method of attached) {
      const entry = entryOf(method.token);
      const attachment = classifyAttachment(entry, method, now());
      if (attachment === 'unknown') unknown += 1;
      if (entry === undefined) continue;
      if (attachment === 'left_behind') await requestDetach(customer_id, entry, collector);
      if (attachment !== 'held') continue;
      unattached.delete(entry);
      await reconcileEntry(customer_id, entry, method, { owner, collector });
    }
    if (unknown > 0) collector.add({ found: UNKNOWN_HERE, customer_id, methods: unknown });
    await saveUnknownMethods(customer, unknown);
    return unattached;
  }

  async function repairCustomerVersion(
    { customer_id, is_version_right }: CustomerToReconcile,
    collector: DifferenceCollector,
  ): Promise<void> {
    if (is_version_right) return;
    // First, because no command can write to a stream whose version is wrong.
    const header = reconciliationHeader(`repair-version:${customer_id}`, now());
    const stream = { kind: 'customer', id: customer_id } as const;
    if (dryRun || (await repairVersion(graph, header, stream)))
      collector.add({ found: 'version', customer_id });
  }

  async function repairWalletDefault(
    customer_id: string,
    wallet: readonly WalletEntry[],
    collector: DifferenceCollector,
  ): Promise<void> {
    if (hasCorrectDefault(wallet)) return;
    const header = reconciliationHeader(`repair-default:${customer_id}`, now());
    // It may only have looked wrong, if it was read while a command was changing it.
    if (dryRun || (await repairDefault(graph, header, { customer_id })))
      collector.add({ found: 'default', customer_id });
  }

  /** The method was removed here, but never detached there: `followGateway` reads both again. */
  async function requestDetach(
    customer_id: string,
    { payment_method_id }: WalletEntry,
    collector: DifferenceCollector,
  ): Promise<void> {
    collector.add({ found: 'left_behind', customer_id, payment_method_id });
    if (!dryRun) await requestFollowUp(customer_id, payment_method_id);
  }

  /** Has the method's own workflow read it again, one read at a time: this read may be outdated by then. */
  function requestFollowUp(customer_id: string, payment_method_id: string): Promise<void> {
    return followChange(customer_id, {
      changed: 'payment_method',
      event_id: activityIdempotencyKey(`${RECONCILIATION_SOURCE}:${payment_method_id}`),
      payment_method_id,
      source: RECONCILIATION_SOURCE,
    });
  }

  async function saveUnknownMethods(
    { customer_id, mismatch: known }: CustomerToReconcile,
    unknown: number,
  ): Promise<void> {
    const mismatch = unknown > 0 ? UNKNOWN_HERE : null;
    if (dryRun || known === mismatch) return;
    const header = reconciliationHeader(`mismatch:${customer_id}:${mismatch}`, now());
    await recordWalletMismatch(graph, header, { customer_id, mismatch });
  }

  /** @returns `undefined`: the gateway has no such customer */
  async function listAttachedMethods(
    owner: string,
    collector: DifferenceCollector,
  ): Promise<AttachedMethod[] | undefined> {
    const methods: AttachedMethod[] = [];
    let after: string | undefined;
    do {
      const page = await records.methodsOf(owner, after);
      if (page === undefined) return undefined;
      collector.heartbeat();
      methods.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    return methods;
  }

  async function reconcileEntry(
    customer_id: string,
    entry: WalletEntry,
    found: GatewayPaymentMethod | undefined,
    { owner, collector }: { owner: string; collector: DifferenceCollector },
  ): Promise<void> {
    const { payment_method_id } = entry;
    const ids = { customer_id, payment_method_id };
    const comparison = compareMethod(entry, found, owner, now());
    switch (comparison.is) {
      case 'same':
        return saveMismatch(ids, entry, null);
      case 'mismatch':
        collector.add({ ...ids, found: comparison.mismatch });
        return saveMismatch(ids, entry, comparison.mismatch);
      case 'newer':
      case 'unfinished':
      case 'detached':
        collector.add({
          ...ids,
          found: comparison.is,
          ...(comparison.is === 'newer' && { fields: comparison.fields }),
        });
        await saveMismatch(ids, entry, null);
        if (!dryRun) await requestFollowUp(customer_id, payment_method_id);
    }
  }

  async function saveMismatch(
    ids: { customer_id: string; payment_method_id: string },
    entry: WalletEntry,
    mismatch: Mismatch | null,
  ): Promise<void> {
    if (dryRun || entry.gateway_mismatch === mismatch) return;
    const header = reconciliationHeader(`mismatch:${ids.payment_method_id}:${mismatch}`, now());
    await recordMismatch(graph, header, { ...ids, mismatch });
  }
}

/**
 * A record that cannot be compared is reported and does not hold up the others. A transient error, or one that concerns
 * all of them, ends the slice.
 */
export function reportNotCompared(
  ids: Omit<Difference, 'found'>,
  collector: DifferenceCollector,
): (error: unknown) => void {
  return (error) => {
    if (isGone(error)) return;
    const isTransient =
      error instanceof PersonaError ? ERRORS[error.type].retryable : error instanceof TemporalFailure;
    const concernsAll = error instanceof PersonaError && error.type === 'gateway_misconfigured';
    if (isTransient || concernsAll) throw error;
    log.error('comparison with the gateway failed', { ...ids, error });
    collector.add({ ...ids, found: 'not_compared' });
  };
}

const GONE: readonly ErrorType[] = ['customer_not_found', 'payment_method_not_found', 'device_not_found'];

/** Ignores customers, methods and devices that were erased or removed meanwhile. */
export function ignoreGone(error: unknown): void {
  if (!isGone(error)) throw error;
}

function isGone(error: unknown): boolean {
  return error instanceof PersonaError && GONE.includes(error.type);
}
