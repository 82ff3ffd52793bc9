/** One customer's wallet, compared with what the gateway has attached to that customer. */

import { log } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import { ERRORS, type ErrorType, PersonaError } from '../domain/errors.ts';
import type { Difference } from '../domain/reconciliation/totals.ts';
import {
  type AttachedMethod,
  attachmentOf,
  compareMethod,
  isLeftUnverified,
} from '../domain/reconciliation/methods.ts';
import { type Mismatch, UNKNOWN_HERE } from '../domain/reconciliation/mismatches.ts';
import type { GatewayPaymentMethod } from '../domain/ports.ts';
import { hasRightfulDefault } from '../domain/wallet.ts';
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
  RECONCILIATION,
  reconciliationHeader,
} from './reconciliation-dependencies.ts';
import type { Finder } from './reconciliation-slices.ts';
import { onceInActivity } from './header.ts';

interface Comparing {
  customer: CustomerToReconcile;
  /** The gateway's customer. */
  owner: string;
  wallet: readonly WalletEntry[];
  finder: Finder;
}

/** So many methods in a row, whose customers are unknown there, too, are unknown only to a key of another account. */
const OTHER_ACCOUNT = 20;

/** @returns compares one customer's wallet; several at the same time share what they know of the gateway's account */
export function createWalletComparison(
  { graph, records, followChange, now }: ReconcileDependencies,
  dryRun: boolean,
): (customer: CustomerToReconcile, finder: Finder) => Promise<void> {
  let unknownInARow = 0;

  return async (customer, finder) => {
    const { customer_id } = customer;
    await compare(customer, finder).catch(orNotCompared({ customer_id }, finder));
  };

  async function compare(customer: CustomerToReconcile, finder: Finder): Promise<void> {
    const { customer_id, gateway_customer_ref: owner } = customer;
    await repair(customer, finder);
    // Before the wallet: what is added meanwhile is no unknown one.
    const attached = owner === null ? undefined : await attachedTo(owner, finder);
    const wallet = await getWalletEntries(graph, { customer_id });
    await repairWallet(customer_id, wallet, finder);
    // Its customer may not be known there yet either.
    for (const { payment_method_id } of wallet.filter((entry) => isLeftUnverified(entry, now()))) {
      finder.found({ found: 'unverified', customer_id, payment_method_id });
      if (!dryRun) await hand(customer_id, payment_method_id);
    }
    if (owner === null) return;
    const isKnown = attached !== undefined;
    if (isKnown) unknownInARow = 0;
    const left = await compareAttached(attached ?? [], { customer, owner, wallet, finder });
    // Whatever is not attached there is read by itself: detached, another customer's, or unknown.
    for (const entry of left) {
      finder.alive();
      const ids = { customer_id, payment_method_id: entry.payment_method_id };
      const token = (await getPaymentMethodToken(graph, ids)).reveal();
      const found = await records.getPaymentMethod(token);
      requireOwnAccount(isKnown || found !== undefined);
      await settle(customer_id, entry, found, { owner, finder });
    }
  }

  /** @param isKnown the gateway knows the customer, or the method */
  function requireOwnAccount(isKnown: boolean): void {
    unknownInARow = isKnown ? 0 : unknownInARow + 1;
    if (unknownInARow < OTHER_ACCOUNT) return;
    const message = `The payment gateway knows none of the last ${OTHER_ACCOUNT} methods, nor their customers: STRIPE_API_KEY is of another account`;
    throw new PersonaError('gateway_misconfigured', message);
  }

  /** @returns the methods of the wallet that are not attached there */
  async function compareAttached(
    attached: readonly AttachedMethod[],
    { customer, owner, wallet, finder }: Comparing,
  ): Promise<Set<WalletEntry>> {
    const { customer_id } = customer;
    const held = wallet.filter(({ status, removed_at }) => removed_at === null && status !== 'unverified');
    const left = new Set(held);
    const entryOf = entriesByToken(graph, wallet);
    let unknown = 0;
    for (const method of attached) {
      const entry = entryOf(method.token);
      const is = attachmentOf(entry, method, now());
      if (is === 'unknown') unknown += 1;
      if (entry === undefined) continue;
      if (is === 'left_behind') await detach(customer_id, entry, finder);
      if (is !== 'held') continue;
      left.delete(entry);
      await settle(customer_id, entry, method, { owner, finder });
    }
    if (unknown > 0) finder.found({ found: UNKNOWN_HERE, customer_id, methods: unknown });
    await noteUnknown(customer, unknown);
    return left;
  }

  async function repair(
    { customer_id, is_version_right }: CustomerToReconcile,
    finder: Finder,
  ): Promise<void> {
    if (is_version_right) return;
    // In a graph whose versions are wrong no command can write.
    const header = reconciliationHeader(`repair-version:${customer_id}`, now());
    const stream = { kind: 'customer', id: customer_id } as const;
    if (dryRun || (await repairVersion(graph, header, stream)))
      finder.found({ found: 'version', customer_id });
  }

  async function repairWallet(
    customer_id: string,
    wallet: readonly WalletEntry[],
    finder: Finder,
  ): Promise<void> {
    if (hasRightfulDefault(wallet)) return;
    const header = reconciliationHeader(`repair-default:${customer_id}`, now());
    // Read beside a command that was just moving it, it only looked wrong.
    if (dryRun || (await repairDefault(graph, header, { customer_id })))
      finder.found({ found: 'default', customer_id });
  }

  /** Removed here, and its removal was never finished there: `followGateway` reads both once more. */
  async function detach(
    customer_id: string,
    { payment_method_id }: WalletEntry,
    finder: Finder,
  ): Promise<void> {
    finder.found({ found: 'left_behind', customer_id, payment_method_id });
    if (!dryRun) await hand(customer_id, payment_method_id);
  }

  /** Has it read once more by its own process, one reading of a method at a time: this one may be the older one by then. */
  function hand(customer_id: string, payment_method_id: string): Promise<void> {
    return followChange(customer_id, {
      changed: 'payment_method',
      event_id: onceInActivity(`${RECONCILIATION}:${payment_method_id}`),
      payment_method_id,
      source: RECONCILIATION,
    });
  }

  async function noteUnknown(
    { customer_id, mismatch: known }: CustomerToReconcile,
    unknown: number,
  ): Promise<void> {
    const mismatch = unknown > 0 ? UNKNOWN_HERE : null;
    if (dryRun || known === mismatch) return;
    const header = reconciliationHeader(`mismatch:${customer_id}:${mismatch}`, now());
    await recordWalletMismatch(graph, header, { customer_id, mismatch });
  }

  /** @returns `undefined`: the gateway knows no such customer */
  async function attachedTo(owner: string, finder: Finder): Promise<AttachedMethod[] | undefined> {
    const methods: AttachedMethod[] = [];
    let after: string | undefined;
    do {
      const page = await records.methodsOf(owner, after);
      if (page === undefined) return undefined;
      finder.alive();
      methods.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    return methods;
  }

  async function settle(
    customer_id: string,
    entry: WalletEntry,
    found: GatewayPaymentMethod | undefined,
    { owner, finder }: { owner: string; finder: Finder },
  ): Promise<void> {
    const { payment_method_id } = entry;
    const ids = { customer_id, payment_method_id };
    const comparison = compareMethod(entry, found, owner, now());
    switch (comparison.is) {
      case 'same':
        return note(ids, entry, null);
      case 'mismatch':
        finder.found({ ...ids, found: comparison.mismatch });
        return note(ids, entry, comparison.mismatch);
      case 'newer':
      case 'unfinished':
      case 'detached':
        finder.found({
          ...ids,
          found: comparison.is,
          ...(comparison.is === 'newer' && { fields: comparison.fields }),
        });
        await note(ids, entry, null);
        if (!dryRun) await hand(customer_id, payment_method_id);
    }
  }

  async function note(
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
 * One that cannot be compared must not keep the others back, today and every day; what passes, or concerns all of them,
 * ends the slice.
 */
export function orNotCompared(ids: Omit<Difference, 'found'>, finder: Finder): (error: unknown) => void {
  return (error) => {
    if (isGone(error)) return;
    const passes =
      error instanceof PersonaError ? ERRORS[error.type].retryable : error instanceof TemporalFailure;
    const concernsAll = error instanceof PersonaError && error.type === 'gateway_misconfigured';
    if (passes || concernsAll) throw error;
    log.error('It could not be compared with the gateway', { ...ids, error });
    finder.found({ ...ids, found: 'not_compared' });
  };
}

const GONE: readonly ErrorType[] = ['customer_not_found', 'payment_method_not_found', 'device_not_found'];

/** Of whom nothing is kept any more, and what was removed meanwhile, nothing is compared. */
export function goneMeanwhile(error: unknown): void {
  if (!isGone(error)) throw error;
}

function isGone(error: unknown): boolean {
  return error instanceof PersonaError && GONE.includes(error.type);
}
