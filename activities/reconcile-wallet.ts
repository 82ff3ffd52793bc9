/** One customer's wallet, compared with what the gateway has attached to that customer. */

import { log } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import { ERRORS, type ErrorType, PersonaError } from '../domain/errors.ts';
import type { Difference } from '../domain/reconciliation/totals.ts';
import { compareMethod, type Mismatch } from '../domain/reconciliation/methods.ts';
import type { GatewayPaymentMethod } from '../domain/ports.ts';
import { hasRightfulDefault } from '../domain/wallet.ts';
import { getPaymentMethodToken } from '../graph/index.ts';
import {
  type CustomerToReconcile,
  entriesByToken,
  getWalletEntries,
  recordMismatch,
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

/** So many methods in a row are unknown there only to a key of another account. */
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
    const { customer_id, gateway_customer_ref: owner, is_version_right } = customer;
    if (!is_version_right) {
      finder.found({ found: 'version', customer_id });
      // In a graph whose versions are wrong no command can write.
      if (!dryRun) {
        const header = reconciliationHeader(`repair-version:${customer_id}`, now());
        await repairVersion(graph, header, { kind: 'customer', id: customer_id });
      }
    }
    const wallet = await getWalletEntries(graph, { customer_id });
    if (!hasRightfulDefault(wallet)) {
      finder.found({ found: 'default', customer_id });
      if (!dryRun) {
        const header = reconciliationHeader(`repair-default:${customer_id}`, now());
        await repairDefault(graph, header, { customer_id });
      }
    }
    const held = wallet.filter(({ status, removed_at }) => removed_at === null && status !== 'unverified');
    if (owner === null || held.length === 0) return;
    const entryOf = entriesByToken(graph, held);
    const left = new Map(held.map((entry) => [entry.payment_method_id, entry]));
    for await (const method of attachedTo(owner, finder)) {
      const entry = entryOf(method.token);
      if (entry === undefined) continue;
      left.delete(entry.payment_method_id);
      await settle(customer_id, entry, method, { owner, finder });
    }
    // Whatever is not attached there is read by itself: detached, another customer's, or unknown.
    for (const entry of left.values()) {
      finder.alive();
      const ids = { customer_id, payment_method_id: entry.payment_method_id };
      const token = (await getPaymentMethodToken(graph, ids)).reveal();
      await settle(customer_id, entry, await records.getPaymentMethod(token), { owner, finder });
    }
  }

  async function* attachedTo(owner: string, finder: Finder): AsyncGenerator<GatewayPaymentMethod> {
    let after: string | undefined;
    do {
      const page = await records.methodsOf(owner, after);
      if (page === undefined) return;
      finder.alive();
      yield* page.items;
      after = page.next;
    } while (after !== undefined);
  }

  async function settle(
    customer_id: string,
    entry: WalletEntry,
    found: GatewayPaymentMethod | undefined,
    { owner, finder }: { owner: string; finder: Finder },
  ): Promise<void> {
    const { payment_method_id } = entry;
    const ids = { customer_id, payment_method_id };
    const comparison = compareMethod(entry, found, owner);
    unknownInARow = found === undefined ? unknownInARow + 1 : 0;
    if (unknownInARow >= OTHER_ACCOUNT) {
      const message = `The payment gateway knows none of the last ${OTHER_ACCOUNT} methods: STRIPE_API_KEY is of another account`;
      throw new PersonaError('gateway_misconfigured', message);
    }
    switch (comparison.is) {
      case 'same':
        return note(ids, entry, null);
      case 'mismatch':
        finder.found({ ...ids, found: comparison.mismatch });
        return note(ids, entry, comparison.mismatch);
      case 'newer':
      case 'detached':
        finder.found({
          ...ids,
          found: comparison.is,
          ...(comparison.is === 'newer' && { fields: comparison.fields }),
        });
        await note(ids, entry, null);
        if (dryRun) return;
        // The process reads it once more, one reading of a method at a time: this one may be the older one by then.
        return followChange(customer_id, {
          changed: 'payment_method',
          event_id: onceInActivity(`${RECONCILIATION}:${payment_method_id}`),
          payment_method_id,
          source: RECONCILIATION,
        });
    }
  }

  async function note(
    ids: { customer_id: string; payment_method_id: string },
    entry: WalletEntry,
    mismatch: Mismatch | null,
  ): Promise<void> {
    if (dryRun || entry.mismatch === mismatch) return;
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
