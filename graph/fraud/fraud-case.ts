import { PersonaError } from '../../domain/errors.ts';
import type { FraudChanges } from '../../domain/fraud-events.ts';
import { transition } from '../../domain/payment-method.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';
import { isNews, readSharers, setTrustScore } from '../devices/update-trust-score.ts';
import { ATTEMPTS_ON_CARD } from '../recovery/card.ts';
import type { Wallet } from '../wallet/wallet.ts';

/**
 * What a case of fraud has changed of a locked customer, and the next outcome's changes. Something that others changed
 * since the case did is no longer the case's to undo.
 */
export class FraudCase {
  readonly changes: FraudChanges;
  readonly #tx: CommandTx;
  readonly #customer: CustomerNode;
  readonly #wallet: Wallet;
  readonly #reason: string;

  constructor(
    tx: CommandTx,
    scene: { customer: CustomerNode; wallet: Wallet; changes: FraudChanges; reason: string },
  ) {
    this.#tx = tx;
    this.#customer = scene.customer;
    this.#wallet = scene.wallet;
    this.#reason = scene.reason;
    this.changes = structuredClone(scene.changes);
  }

  /**
   * @param score absent: the outcome has nothing to say about the device
   * @throws PersonaError device_not_found
   */
  async rate(deviceId: string, score: number | undefined): Promise<void> {
    const device = await this.#tx.lockDevice(deviceId);
    const observed_at = this.#tx.header.occurredAt;
    if (score === undefined || !isNews(device, observed_at)) return;
    const sharers = await readSharers(this.#tx, deviceId);
    const { seq } = setTrustScore(this.#tx, device, { trust_score: score, observed_at }, sharers);
    const own = this.changes.devices.find((one) => one.device_id === deviceId);
    const before = own?.seq === device.changed_seq ? own.trust_score : device.trust_score;
    this.changes.devices = [
      ...this.changes.devices.filter((one) => one !== own),
      { device_id: deviceId, trust_score: before, seq },
    ];
  }

  /**
   * @param status absent: the outcome has nothing to say about the method
   * @throws PersonaError payment_method_not_found: not this customer's
   */
  mark(paymentMethodId: string, status: 'failed' | 'compromised' | undefined): void {
    const method = this.#wallet.methods.find((one) => one.payment_method_id === paymentMethodId);
    if (method === undefined) {
      throw new PersonaError(
        'payment_method_not_found',
        `customer ${this.#customer.id} has no payment method ${paymentMethodId}`,
      );
    }
    const { status: present, status_seq } = method;
    if (status === undefined || transition(present, status) !== 'legal') return;
    this.#wallet.changeStatus(paymentMethodId, status, this.#reason);
    const own = this.changes.payment_methods.find((one) => one.payment_method_id === paymentMethodId);
    const before = own?.seq === status_seq ? own.status : present;
    const { status_seq: seq } = method;
    this.changes.payment_methods = [
      ...this.changes.payment_methods.filter((one) => one !== own),
      { payment_method_id: paymentMethodId, status: before, seq },
    ];
  }

  suspend(): void {
    if (this.#customer.status === 'suspended') return;
    this.changes.customer = { status: this.#customer.status, seq: this.#setStatus('suspended') };
  }

  /** Gives back what this case took and nobody changed since; but no card of which the issuer says that it is dead. */
  async undo(): Promise<void> {
    const { devices, payment_methods, customer } = this.changes;
    this.changes.devices = [];
    this.changes.payment_methods = [];
    this.changes.customer = null;
    if (customer !== null && customer.seq === this.#customer.status_seq) this.#setStatus(customer.status);
    for (const { payment_method_id, status, seq } of payment_methods) {
      const method = this.#wallet.methods.find((one) => one.payment_method_id === payment_method_id);
      if (method?.status_seq !== seq || (await isDead(this.#tx, payment_method_id))) continue;
      this.#wallet.restoreStatus(payment_method_id, status, this.#reason);
    }
    for (const { device_id, trust_score, seq } of devices.toSorted((a, b) =>
      a.device_id < b.device_id ? -1 : 1,
    )) {
      const device = await this.#tx.lockDevice(device_id);
      if (device.changed_seq !== seq) continue;
      const observed_at = this.#tx.header.occurredAt;
      const sharers = await readSharers(this.#tx, device_id);
      setTrustScore(this.#tx, device, { trust_score, observed_at }, sharers);
    }
  }

  #setStatus(status: CustomerNode['status']): number {
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

const IS_DEAD = `
  MATCH (p:PaymentMethod {id: $payment_method_id})
  ${ATTEMPTS_ON_CARD}
  WITH a WHERE a.card_dead AND a.state = 'declined'
  RETURN count(a) > 0 AS dead`;

/** Has the issuer said of the card behind this method that it is lost, stolen or closed? */
async function isDead(tx: CommandTx, payment_method_id: string): Promise<boolean> {
  const [row] = await tx.run<{ dead: boolean }>(IS_DEAD, { payment_method_id });
  return row?.dead ?? false;
}
