import { hasEarlyWarning } from '../../domain/disputes.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { FraudChanges } from '../../domain/events/fraud.ts';
import { isExpired, transition } from '../../domain/payment-method.ts';
import { isNewerObservation, readDeviceCustomers, setTrustScore } from '../devices/update-trust-score.ts';
import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';
import { ATTEMPTS_ON_CARD } from '../recovery/card.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { findHold } from './case-holds.ts';

/** One who is being erased is unknown to fraud cases. */
export type CaseCustomer = CustomerNode & { status: 'active' | 'suspended' };

/**
 * What a fraud case has changed for a locked customer, and the changes by its next outcome. A change that was
 * overwritten since is not undone by the case. A state that two cases require is held by both, and undone once neither
 * holds it (docs/decisions/11-fraud-cases.md).
 */
export class FraudCase {
  readonly changes: FraudChanges;
  /** Methods that became active again. */
  readonly restored: string[] = [];
  readonly #tx: CommandTx;
  readonly #customer: CaseCustomer;
  readonly #wallet: Wallet;
  readonly #otherCases: readonly FraudChanges[];
  readonly #reason: string;

  /** @param context.otherCases the changes by other cases of the customer that have not been undone */
  constructor(
    tx: CommandTx,
    context: {
      customer: CaseCustomer;
      wallet: Wallet;
      changes: FraudChanges;
      otherCases: readonly FraudChanges[];
      reason: string;
    },
  ) {
    this.#tx = tx;
    this.#customer = context.customer;
    this.#wallet = context.wallet;
    this.#otherCases = context.otherCases;
    this.#reason = context.reason;
    this.changes = structuredClone(context.changes);
  }

  /**
   * @param score absent: the outcome does not rate the device
   * @throws PersonaError device_not_found
   */
  async rateDevice(deviceId: string, score: number | undefined): Promise<void> {
    const device = await this.#tx.lockDevice(deviceId);
    const observed_at = this.#tx.header.occurredAt;
    if (score === undefined || !isNewerObservation(device, observed_at)) return;
    const deviceCustomers = await readDeviceCustomers(this.#tx, deviceId);
    const { seq } = setTrustScore(this.#tx, device, { trust_score: score, observed_at }, deviceCustomers);
    const own = this.changes.devices.find((candidate) => candidate.device_id === deviceId);
    const before = own?.seq === device.changed_seq ? own.trust_score : device.trust_score;
    this.changes.devices = [
      ...this.changes.devices.filter((candidate) => candidate !== own),
      { device_id: deviceId, trust_score: before, seq },
    ];
  }

  /**
   * @param status absent: the outcome does not change the method's status
   * @throws PersonaError payment_method_not_found: it is not this customer's
   */
  markMethod(paymentMethodId: string, status: 'failed' | 'compromised' | undefined): void {
    const method = this.#wallet.methods.find((candidate) => candidate.payment_method_id === paymentMethodId);
    if (method === undefined) {
      throw new PersonaError(
        'payment_method_not_found',
        `customer ${this.#customer.id} has no payment method ${paymentMethodId}`,
      );
    }
    const { status: currentStatus, status_seq } = method;
    if (status === undefined) return;
    const own = this.changes.payment_methods.find(
      (candidate) => candidate.payment_method_id === paymentMethodId,
    );
    const isOwn = own?.seq === status_seq;
    let before = isOwn ? own.status : currentStatus;
    const kind = transition(currentStatus, status);
    if (kind === 'same') {
      if (isOwn) return;
      const hold = findHold(this.#otherCases, method);
      // Declined before it was suspected: held in that status, because newer card details would reactivate it.
      if (hold === undefined && status !== 'failed') return;
      before = hold?.status ?? currentStatus;
    } else if (kind === 'illegal') {
      // An expired card is held too: a new expiry date would reactivate it.
      if (currentStatus !== 'expired') return;
    } else {
      this.#wallet.changeStatus(paymentMethodId, status, this.#reason);
    }
    const { status_seq: seq } = method;
    this.changes.payment_methods = [
      ...this.changes.payment_methods.filter((candidate) => candidate !== own),
      { payment_method_id: paymentMethodId, status: before, seq },
    ];
  }

  suspend(): void {
    const { status, status_seq } = this.#customer;
    if (status !== 'suspended') this.changes.customer = { status, seq: this.#setStatus('suspended') };
    else if (this.changes.customer?.seq !== status_seq)
      this.changes.customer = this.#suspensionOfOtherCase(status_seq) ?? this.changes.customer;
  }

  /**
   * Undoes the changes by this case that were not overwritten since and that no other case holds. A card that its
   * issuer declined as dead, or that has an early fraud warning, is not restored.
   * @param options.keepObservedAt a restored device score keeps the observation time of the one that is undone
   */
  async undo({ keepObservedAt = false } = {}): Promise<void> {
    const { devices, payment_methods, customer } = this.changes;
    this.changes.devices = [];
    this.changes.payment_methods = [];
    this.changes.customer = null;
    const { status_seq } = this.#customer;
    if (customer?.seq === status_seq && !this.#suspensionOfOtherCase(status_seq))
      this.#setStatus(customer.status);
    for (const change of payment_methods) await this.#restore(change);
    for (const { device_id, trust_score, seq } of devices.toSorted((a, b) =>
      a.device_id < b.device_id ? -1 : 1,
    )) {
      const device = await this.#tx.lockDevice(device_id);
      if (device.changed_seq !== seq) continue;
      const { occurredAt } = this.#tx.header;
      const observed_at = keepObservedAt ? (device.trust_observed_at ?? occurredAt) : occurredAt;
      const deviceCustomers = await readDeviceCustomers(this.#tx, device_id);
      setTrustScore(this.#tx, device, { trust_score, observed_at }, deviceCustomers);
    }
  }

  async #restore({ payment_method_id, status, seq }: FraudChanges['payment_methods'][number]): Promise<void> {
    const method = this.#wallet.methods.find(
      (candidate) => candidate.payment_method_id === payment_method_id,
    );
    if (method?.status_seq !== seq || findHold(this.#otherCases, method)) return;
    // Chimera's outcome does not override the card issuer.
    if (hasEarlyWarning(method.disputes) || (await isCardDead(this.#tx, payment_method_id))) return;
    // A method that its customer removed meanwhile is not reactivated when cleared, but may be added again.
    const removed = method.removed_at !== null;
    // It was verified while the case held it.
    const verified = status === 'unverified' && method.gateway_type !== null;
    // It was renewed while the case held it.
    const renewed =
      status === 'expired' &&
      method.expires_on !== null &&
      !isExpired(method.expires_on, Date.parse(this.#tx.recordedAt));
    const restoredStatus = removed ? 'inactive' : verified || renewed ? 'active' : status;
    // The case held it in the status that it had before.
    if (restoredStatus === method.status) return;
    this.#wallet.restoreStatus(payment_method_id, restoredStatus, this.#reason);
    if (restoredStatus === 'active') this.restored.push(payment_method_id);
  }

  #suspensionOfOtherCase(seq: number): FraudChanges['customer'] | undefined {
    return this.#otherCases.find(({ customer }) => customer?.seq === seq)?.customer;
  }

  #setStatus(status: CaseCustomer['status']): number {
    const { seq } = this.#tx.append({
      stream: 'customer',
      stream_id: this.#customer.id,
      type: 'CustomerStatusChanged',
      data: { old_status: this.#customer.status, new_status: status, reason: this.#reason },
    });
    this.#customer.status = status;
    this.#customer.status_seq = seq;
    return seq;
  }
}

const IS_CARD_DEAD = `
  MATCH (p:PaymentMethod {id: $payment_method_id})
  ${ATTEMPTS_ON_CARD}
  WITH a WHERE a.card_dead AND a.state = 'declined'
  RETURN count(a) > 0 AS dead`;

/** Whether the issuer has declined the card of this method as lost, stolen or closed. */
async function isCardDead(tx: CommandTx, payment_method_id: string): Promise<boolean> {
  const [row] = await tx.run<{ dead: boolean }>(IS_CARD_DEAD, { payment_method_id });
  return row?.dead ?? false;
}
