import { type Dispute, isDisputed, withDispute } from '../../domain/disputes.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { EventData, EventType } from '../../domain/events/event.ts';
import type { PaymentMethodStatus, PaymentMethodType } from '../../domain/payment-method.ts';
import { transition } from '../../domain/payment-method.ts';
import { isQuarantined, type Mismatch } from '../../domain/reconciliation/mismatches.ts';
import {
  hasCorrectDefault,
  mayBeDefault,
  NETWORK_REVOCATION,
  assertConsentAllowed,
  selectDefault,
} from '../../domain/wallet.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { Reader } from '../kernel/reader.ts';

/** Only what changed. */
export type MethodDetails = Omit<EventData['PaymentMethodUpdated'], 'payment_method_id'>;

/** A payment method with its customer's edge to it, as the graph has it. */
export interface WalletMethod {
  payment_method_id: string;
  type: PaymentMethodType;
  status: PaymentMethodStatus;
  brand: string | null;
  network: string | null;
  last_four: string | null;
  expiry_month: number | null;
  expiry_year: number | null;
  /** `YYYY-MM-DD`. */
  expires_on: string | null;
  funding: string | null;
  country: string | null;
  /** The gateway's own name for the type; `null` until it was read there. */
  gateway_type: string | null;
  instrument_fingerprint: string | null;
  /** The expiry that was last requested for the card: `YYYY-MM`. */
  expiry_wanted: string | null;
  /** Since when that request to the gateway is pending, RFC 3339; `null`: it is completed. */
  expiry_wanted_at: string | null;
  /** Whose consent takes effect once the card has that expiry. */
  consent_wanted: 'customer' | 'service' | null;
  /** What the gateway has differently, for an operator to review. */
  gateway_mismatch: Mismatch | null;
  /** The notice of its expiry that was last decided on, as `noticeKey` returns it. */
  expiry_noticed: string | null;
  /** When it was removed from the wallet. */
  removed_at: string | null;
  changed_seq: number;
  /** The event that last set the status. */
  status_seq: number;
  is_default: boolean;
  off_session_consent: boolean;
  /** When the consent was given or withdrawn, RFC 3339, and by whom. */
  consent_at: string | null;
  consent_source: string | null;
  added_by: 'service' | 'customer';
  proven: boolean;
  /** While it is contested: whether it is proven otherwise; `null`: it is not contested. */
  uncontested_proven: boolean | null;
  /** The unverified identifier by which it was added; once that is verified, the method is proven. */
  awaits_identifier_id: string | null;
  /** A charge on it is disputed: at least one of its disputes is open or lost. */
  disputed: boolean;
  /** One `ref:state` for each dispute and early warning of a charge on it. */
  disputes: string[];
  first_used: string;
  last_used: string;
  use_count: number;
}

const READ_WALLET = `
  MATCH (:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)
  RETURN p.id AS payment_method_id, p.type AS type, p.status AS status, p.brand AS brand, p.network AS network,
    p.last_four AS last_four, p.expiry_month AS expiry_month, p.expiry_year AS expiry_year,
    p.expires_on AS expires_on, p.funding AS funding, p.country AS country, p.gateway_type AS gateway_type,
    p.instrument_fingerprint AS instrument_fingerprint, p.expiry_wanted AS expiry_wanted,
    p.expiry_wanted_at AS expiry_wanted_at, p.consent_wanted AS consent_wanted, p.expiry_noticed AS expiry_noticed,
    p.gateway_mismatch AS gateway_mismatch, p.removed_at AS removed_at, p.changed_seq AS changed_seq,
    p.status_seq AS status_seq,
    h.is_default AS is_default, h.off_session_consent AS off_session_consent, h.consent_at AS consent_at, h.consent_source AS consent_source,
    h.added_by AS added_by,
    h.proven AS proven, h.uncontested_proven AS uncontested_proven, h.awaits_identifier_id AS awaits_identifier_id,
    coalesce(h.disputed, false) AS disputed, coalesce(h.disputes, []) AS disputes,
    h.first_used AS first_used, h.last_used AS last_used, h.use_count AS use_count
  ORDER BY is_default DESC, last_used DESC, payment_method_id`;

/**
 * Every method that a customer has or had, including removed and unproven ones; the default first, then by last use.
 */
export async function readWallet(reader: Reader, customerId: string): Promise<WalletMethod[]> {
  return reader.read<WalletMethod>(READ_WALLET, { customer_id: customerId });
}

/** Reads the wallet of a customer whom the command has locked, to change it. */
export async function openWallet(tx: CommandTx, customerId: string): Promise<Wallet> {
  return new Wallet(tx, customerId, await readWallet(tx, customerId));
}

/**
 * The wallet of a locked customer inside a command. Each change appends its event and updates the default immediately:
 * the default is always active and proven, and another method replaces it when it no longer is (docs/reference/graph.md, 'Invariants' 1).
 */
export class Wallet {
  readonly #tx: CommandTx;
  readonly #customerId: string;
  readonly #methods: WalletMethod[];

  constructor(tx: CommandTx, customerId: string, methods: WalletMethod[]) {
    this.#tx = tx;
    this.#customerId = customerId;
    this.#methods = methods;
  }

  get methods(): readonly Readonly<WalletMethod>[] {
    return this.#methods;
  }

  get defaultId(): string | null {
    return this.#methods.find((method) => method.is_default)?.payment_method_id ?? null;
  }

  /** @throws PersonaError payment_method_not_found: not this customer's, or removed */
  find(paymentMethodId: string): Readonly<WalletMethod> {
    return this.#find(paymentMethodId);
  }

  /**
   * Also for a method that its customer has removed: findings about a card do not wait until it is added again.
   * @param reason - which rule, or who requested it; recorded in the event
   * @returns whether anything changed: the status that it already has is no change
   * @throws PersonaError payment_method_not_found, illegal_transition
   */
  changeStatus(paymentMethodId: string, status: PaymentMethodStatus, reason: string): boolean {
    const method = this.#findAny(paymentMethodId);
    const kind = transition(method.status, status);
    if (kind === 'same') return false;
    if (kind === 'illegal') {
      throw new PersonaError(
        'illegal_transition',
        `payment method ${paymentMethodId} is ${method.status} and cannot become ${status}`,
      );
    }
    this.#setStatus(method, status, reason);
    return true;
  }

  /**
   * Restores the status that a fraud case took from a method, regardless of what the table of transitions says about
   * `compromised`; also for a method that its customer has removed.
   */
  restoreStatus(paymentMethodId: string, status: PaymentMethodStatus, reason: string): void {
    this.#setStatus(this.#findAny(paymentMethodId), status, reason);
  }

  /** Removes a method from the wallet. Its node and its edge stay, in case the same token is added again. */
  remove(paymentMethodId: string, reason: string): void {
    const method = this.#find(paymentMethodId);
    this.#append('PaymentMethodRemoved', { payment_method_id: paymentMethodId, old_status: method.status });
    if (method.status !== 'compromised') method.status = 'inactive';
    method.off_session_consent = false;
    method.removed_at = this.#tx.header.occurredAt;
    method.expiry_wanted_at = null;
    method.consent_wanted = null;
    this.ensureDefault(reason);
  }

  /**
   * Stores a request to the gateway until it is completed, so that it survives the loss of its run.
   * @param request.expiry - `YYYY-MM`
   * @param request.consent_by - who consents to the card with that expiry; absent: consent is unchanged
   */
  requestExpiry(
    paymentMethodId: string,
    request: { expiry: string; at: string; consent_by?: 'customer' | 'service' },
  ): void {
    const method = this.#find(paymentMethodId);
    this.#setProperty(method, 'expiry_wanted', request.expiry);
    this.#setProperty(method, 'expiry_wanted_at', request.at);
    if (request.consent_by !== undefined) this.#setProperty(method, 'consent_wanted', request.consent_by);
  }

  /** The gateway has the requested expiry, or has rejected it: the request is not sent again. */
  clearExpiryRequest(paymentMethodId: string): void {
    const method = this.#find(paymentMethodId);
    this.#setProperty(method, 'expiry_wanted_at', null);
    this.#setProperty(method, 'consent_wanted', null);
  }

  /** Records newer details of a method. */
  update(paymentMethodId: string, changes: MethodDetails): void {
    const method = this.#find(paymentMethodId);
    this.#append('PaymentMethodUpdated', { payment_method_id: paymentMethodId, ...changes });
    const { instrument_fingerprint: _, token: __, ...plainDetails } = changes;
    Object.assign(method, plainDetails);
    // An expiry other than the requested one is newer than the request: the card has been renewed since.
    const isOtherExpiry =
      plainDetails.expires_on !== undefined &&
      !plainDetails.expires_on.startsWith(String(method.expiry_wanted));
    if (isOtherExpiry) this.#setProperty(method, 'expiry_wanted_at', null);
  }

  /**
   * Makes a method the default.
   * @throws PersonaError payment_method_not_found, illegal_transition if it is not active, unproven, disputed or
   *   quarantined
   */
  makeDefault(paymentMethodId: string, reason: string): boolean {
    const method = this.#find(paymentMethodId);
    if (!mayBeDefault(method)) {
      throw new PersonaError(
        'illegal_transition',
        `payment method ${paymentMethodId} cannot be the default: it is ${reasonNotDefault(method)}`,
      );
    }
    return this.#setDefault(paymentMethodId, reason);
  }

  /** Restores the invariant after any change: keeps the default while it is eligible, else selects the next. */
  ensureDefault(reason: string): boolean {
    return this.#setDefault(selectDefault(this.#methods), reason);
  }

  /** The same if the graph has several defaults, or an ineligible one. @returns whether the invariant was broken */
  repairDefault(reason: string): boolean {
    if (hasCorrectDefault(this.#methods)) return false;
    this.#appendDefault(selectDefault(this.#methods), reason);
    return true;
  }

  /**
   * The customer's consent to be charged without being present. A consent that the network withdrew is restored by
   * `customer` only. A revocation is recorded even if there was no consent to lose, and for a removed method as well.
   * @param source - `service`, `customer`, `network_revocation`, or as a service sent it
   * @param at - RFC 3339
   * @throws PersonaError illegal_transition: consent to a method that is not proven to be the customer's, or whose
   *   consent the network withdrew
   */
  setConsent(paymentMethodId: string, consent: boolean, source: string, at: string): boolean {
    const isRevocation = !consent && source === NETWORK_REVOCATION;
    const method = isRevocation ? this.#findAny(paymentMethodId) : this.#find(paymentMethodId);
    // This decision replaces a consent that was to take effect with a requested expiry.
    this.#setProperty(method, 'consent_wanted', null);
    const isRevoked = method.consent_source === NETWORK_REVOCATION;
    const isNewRevocation = isRevocation && !isRevoked;
    if (method.off_session_consent === consent && !isNewRevocation) return false;
    if (consent) assertConsentAllowed(method, source);
    this.#append('ConsentChanged', {
      payment_method_id: paymentMethodId,
      off_session_consent: consent,
      consent_at: at,
      consent_source: source,
    });
    method.off_session_consent = consent;
    method.consent_at = at;
    method.consent_source = source;
    return true;
  }

  /**
   * Stores what the gateway has differently (`null`: nothing any more); a quarantined method cannot be the default.
   * @returns whether that was new
   */
  setMismatch(paymentMethodId: string, mismatch: Mismatch | null): boolean {
    const method = this.#find(paymentMethodId);
    if (!this.#setProperty(method, 'gateway_mismatch', mismatch)) return false;
    this.ensureDefault(mismatch ?? 'as at the gateway');
    return true;
  }

  /**
   * Records one more use. An older observation counts, but does not move `last_used` back; `proven` is never withdrawn.
   * @param at - RFC 3339 in UTC with milliseconds
   */
  recordUse(paymentMethodId: string, use: { at: string; proven?: boolean; deviceId?: string | null }): void {
    const method = this.#find(paymentMethodId);
    method.use_count += 1;
    if (use.at > method.last_used) method.last_used = use.at;
    if (use.proven === true) prove(method);
    this.#append('PaymentMethodUsed', {
      payment_method_id: paymentMethodId,
      use_count: method.use_count,
      last_used: method.last_used,
      proven: method.uncontested_proven ?? method.proven,
      device_id: use.deviceId ?? null,
    });
    this.ensureDefault('used');
  }

  /**
   * A charge on it is disputed, or a dispute's state has changed. Also for a removed method, which may be added again.
   * @returns whether that was new
   */
  dispute(paymentMethodId: string, dispute: Dispute): boolean {
    const method = this.#findAny(paymentMethodId);
    if (method.disputes.includes(`${dispute.dispute_ref}:${dispute.state}`)) return false;
    this.#append('PaymentMethodDisputed', { payment_method_id: paymentMethodId, ...dispute });
    method.disputes = withDispute(method.disputes, dispute);
    method.disputed = isDisputed(method.disputes);
    this.ensureDefault('disputed');
    return true;
  }

  /**
   * The bank has reported fraud on it. A removed method is compromised as well: added again, it must not be charged.
   * @returns whether it was not compromised before
   */
  compromise(paymentMethodId: string, reason: string): boolean {
    const method = this.#findAny(paymentMethodId);
    if (transition(method.status, 'compromised') !== 'legal') return false;
    this.#setStatus(method, 'compromised', reason);
    return true;
  }

  /** An identifier has been verified, and its event has proven the methods added by it: updates the default. */
  onIdentifierVerified(identifierId: string): void {
    for (const method of this.#methods) {
      if (method.awaits_identifier_id !== identifierId) continue;
      prove(method);
    }
    this.ensureDefault('identifier verified');
  }

  #setProperty<P extends 'expiry_wanted' | 'expiry_wanted_at' | 'consent_wanted' | 'gateway_mismatch'>(
    method: WalletMethod,
    property: P,
    value: WalletMethod[P],
  ): boolean {
    if (method[property] === value) return false;
    const data = { label: 'PaymentMethod', id: method.payment_method_id, property, value };
    this.#append('NodePropertyChanged', data as EventData['NodePropertyChanged']);
    method[property] = value;
    return true;
  }

  #setStatus(method: WalletMethod, status: PaymentMethodStatus, reason: string): void {
    const { seq } = this.#append('PaymentMethodStatusChanged', {
      payment_method_id: method.payment_method_id,
      old_status: method.status,
      new_status: status,
      reason,
    });
    method.status = status;
    method.status_seq = seq;
    this.ensureDefault(reason);
  }

  #find(paymentMethodId: string): WalletMethod {
    const method = this.#findAny(paymentMethodId);
    if (method.removed_at !== null) throw this.#notFound(paymentMethodId);
    return method;
  }

  /** Including a method that its customer has removed. */
  #findAny(paymentMethodId: string): WalletMethod {
    const method = this.#methods.find((candidate) => candidate.payment_method_id === paymentMethodId);
    if (method === undefined) throw this.#notFound(paymentMethodId);
    return method;
  }

  #notFound(paymentMethodId: string): PersonaError {
    return new PersonaError(
      'payment_method_not_found',
      `customer ${this.#customerId} has no payment method ${paymentMethodId}`,
    );
  }

  #setDefault(paymentMethodId: string | null, reason: string): boolean {
    if (this.defaultId === paymentMethodId) return false;
    this.#appendDefault(paymentMethodId, reason);
    return true;
  }

  #appendDefault(paymentMethodId: string | null, reason: string): void {
    const marked = this.#methods
      .filter((method) => method.is_default)
      .map((method) => method.payment_method_id);
    const [previous = null, ...more] = marked;
    this.#append('DefaultPaymentMethodChanged', {
      payment_method_id: paymentMethodId,
      previous_payment_method_id: previous,
      reason,
      ...(more.length > 0 && { unmarked: more }),
    });
    for (const method of this.#methods) method.is_default = method.payment_method_id === paymentMethodId;
  }

  #append<T extends EventType>(type: T, data: EventData[T]): { seq: number } {
    return this.#tx.append({ stream: 'customer', stream_id: this.#customerId, type, data });
  }
}

/** A contested method stays unproven until the decision. */
function prove(method: WalletMethod): void {
  if (method.uncontested_proven === null) method.proven = true;
  else method.uncontested_proven = true;
  method.awaits_identifier_id = null;
}

function reasonNotDefault({ proven, status, disputed, ...method }: WalletMethod): string {
  if (isQuarantined(method)) return 'owned by another customer at the gateway';
  if (!proven) return 'not proven to be the customer’s';
  return status === 'active' && disputed ? 'disputed' : status;
}
