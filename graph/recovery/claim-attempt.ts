/**
 * The claim precedes the charge (docs/reference/graph.md, 'Claims'): its holder may charge once. Until the attempt is
 * resolved no other process may charge this obligation or this card, nor, while it is in flight, this customer.
 */

import { isQuarantined } from '../../domain/reconciliation/mismatches.ts';
import { isExpired } from '../../domain/payment-method.ts';
import type { Policy } from '../../domain/policy.ts';
import { supportsCurrency } from '../../domain/rails.ts';
import { CLAIM_MS, type Claim } from '../../domain/recovery/claims.ts';
import { CONSENT_REVOKED, FRAUD_KNOWN } from '../../domain/recovery/cascade.ts';
import type { RecoveryEvents } from '../../domain/events/recovery.ts';
import { isDeclinedCard, SAME_CARD } from '../../domain/recovery/same-card.ts';
import type { AttemptStatus } from '../../domain/recovery/status.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { CommandTx, CustomerNode } from '../kernel/command-tx.ts';
import { trustParameters } from '../devices/trust-query.ts';
import type { Graph } from '../kernel/graph.ts';
import { lockIdentities } from '../kernel/identity-locks.ts';
import { readWallet, type WalletMethod } from '../wallet/wallet.ts';
import { externalPaymentReportedAt } from './accepted-reports.ts';
import { recordBlockedBy } from './blocked-by.ts';
import { type CardRow, readCardQuery } from './card.ts';
import { ceilingOn, wasForbidden } from './ceilings.ts';
import { lockOwner, requireObligation } from './read-obligation.ts';
import {
  type AttemptNode,
  attemptStatus,
  closedObligation,
  isClosed,
  isUnresolved,
  type ObligationNode,
  UNRESOLVED,
} from './records.ts';

export interface ClaimInput {
  payment_id: string;
  payment_method_id: string;
  /** The attempt's idempotency key; ends with `n`. */
  key: string;
  n: number;
  policy: Policy;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * Claims one attempt. Only `claimed` is stored, as the attempt itself; every other result is determined again by the
 * next call.
 * @throws PersonaError recovery_not_found
 */
export function claimAttempt(graph: Graph, header: CommandHeader, input: ClaimInput): Promise<Claim> {
  const { policy: _policy, now: _now, ...body } = input;
  return runCommand(graph, header, 'claimAttempt', body, async (tx) => {
    tx.discardReceipt();
    const customer = await lockOwner(tx, input.payment_id);
    const [locked, wallet] = await Promise.all([
      requireObligation(tx, input.payment_id),
      readWallet(tx, customer.id),
    ]);
    return claimUnderLock(tx, { ...input, ...locked, customer, wallet });
  });
}

const READ_UNRESOLVED = `
  MATCH (a:ChargeAttempt {customer_id: $customer_id})
  WHERE a.state IN $unresolved AND a.payment_id <> $payment_id
  RETURN properties(a) AS attempt ORDER BY a.claimed_at, a.key`;

/** What a claim is decided by, all of it read under the customer's lock. */
export interface ClaimContext extends ClaimInput {
  obligation: ObligationNode;
  attempts: readonly AttemptNode[];
  customer: CustomerNode;
  wallet: readonly Readonly<WalletMethod>[];
}

/** The decision itself, inside a transaction that holds the customer's lock. */
export async function claimUnderLock(tx: CommandTx, input: ClaimContext): Promise<Claim> {
  const { obligation, attempts, customer, now } = input;
  const own = attempts.find((attempt) => attempt.key === input.key);
  if (own?.state === 'in_flight') return claimedResult(own, input.n);
  // A ceiling's refusal is determined again: the first result, which says until when, may have been lost.
  if (own && !wasForbidden(own)) return { result: 'resolved', attempt: attemptStatus(own) };

  const closed = refusalByObligation(obligation, attempts);
  if (closed) return closed;
  const unresolved = attempts.find(isUnresolved);
  if (unresolved) return { ...blockedBy(unresolved, 'instrument'), own: attemptStatus(unresolved) };
  if (obligation.consent_revoked) return { result: 'refused', rule: CONSENT_REVOKED };
  if (obligation.fraud_known) return { result: 'refused', rule: FRAUD_KNOWN };
  if (customer.status !== 'active') return { result: 'refused', rule: `customer_${customer.status}` };

  const method = input.wallet.find((one) => one.payment_method_id === input.payment_method_id);
  if (!method) return { result: 'refused', rule: 'method_not_in_wallet' };
  const [{ history, on_trusted_device, compromised, changed_at }, otherUnresolved, externallyPaidSince] =
    await Promise.all([
      readCard(tx, input, method),
      tx.run<{ attempt: AttemptNode }>(READ_UNRESOLVED, {
        customer_id: customer.id,
        payment_id: input.payment_id,
        unresolved: UNRESOLVED,
      }),
      externalPaymentReportedAt(tx, input.payment_id),
    ]);
  const rule = refusalByMethod(method, on_trusted_device, input);
  if (rule) return { result: 'refused', rule };
  if (isDeclinedCard({ ...method, changed_at }, obligation, attempts, input.wallet))
    return { result: 'refused', rule: SAME_CARD };
  const ceiling = ceilingOn(history, obligation, method, now);
  if (ceiling)
    return { result: 'refused', ...ceiling, attempt: appendForbidden(tx, input, method, ceiling.rule, own) };
  if (own) return { result: 'resolved', attempt: attemptStatus(own) };
  // Checked after the ceilings, whose refusal is more specific and says until when.
  if (compromised) return { result: 'refused', rule: 'card_compromised' };
  if (externallyPaidSince !== undefined)
    return { result: 'blocked', by: input.payment_id, since: externallyPaidSince, what: 'report' };
  const inFlight = otherUnresolved.map(({ attempt }) => attempt).find((attempt) => isInFlight(attempt, now));
  // An unresolved charge also blocks the token that it was made with, even if the token's card number has changed.
  const unresolvedOnCard =
    history.find((attempt) => attempt.payment_id !== input.payment_id && isUnresolved(attempt)) ??
    otherUnresolved.map(({ attempt }) => attempt).find((attempt) => isUnresolvedOn(method, attempt));
  const by = inFlight ?? unresolvedOnCard;
  if (by === undefined) return appendClaim(tx, input, method);
  const what = inFlight ? 'customer' : 'instrument';
  const isBlocked = await recordBlockedBy(tx, { payment_id: input.payment_id, by, what });
  // Not blocked: resolved since it was read, by a command that holds only another customer's lock.
  return isBlocked ? blockedBy(by, what) : claimUnderLock(tx, input);
}

/**
 * Reads the card's current state. Claims of a card that several customers hold share no customer's lock, so they lock
 * the card: otherwise two concurrent claims would both get the last attempt that a ceiling allows. A command takes at
 * most one such lock, and after it only the lock on a blocking attempt, so commands cannot deadlock on it.
 */
async function readCard(
  tx: CommandTx,
  { customer, payment_method_id, policy: { trust }, now }: ClaimContext,
  { instrument_fingerprint }: Readonly<WalletMethod>,
): Promise<CardRow> {
  const parameters = { customer_id: customer.id, payment_method_id, ...trustParameters(trust, now) };
  const read = async (): Promise<CardRow> => {
    const [card] = await tx.run<CardRow>(readCardQuery(trust), parameters);
    return (
      card ?? { history: [], on_trusted_device: false, shared: false, compromised: false, changed_at: 0 }
    );
  };
  const card = await read();
  if (!card.shared) return card;
  lockIdentities(tx, [`instrument:${instrument_fingerprint}`]);
  return read();
}

function refusalByObligation(
  obligation: ObligationNode,
  attempts: readonly AttemptNode[],
): Claim | undefined {
  if (obligation.state === 'needs_review') return { result: 'refused', rule: 'under_review' };
  if (!isClosed(obligation)) return undefined;
  const closed = closedObligation(obligation, attempts);
  return closed.outcome === 'recovered' || closed.outcome === 'paid_elsewhere'
    ? { result: 'already_paid', obligation: closed }
    : { result: 'refused', rule: 'obligation_closed', obligation: closed };
}

/** The rule by which a method must not be charged for an obligation now; `undefined`: it may be. */
export function refusalByMethod(
  method: Readonly<WalletMethod>,
  onTrustedDevice: boolean,
  { obligation, policy, now }: Pick<ClaimContext, 'obligation' | 'policy' | 'now'>,
): string | undefined {
  if (obligation.amount === undefined || obligation.currency === undefined) return 'amount_unknown';
  if (method.removed_at !== null) return 'method_not_in_wallet';
  // The gateway would reject the request as invalid, which ends a cascade.
  if (!supportsCurrency(method, obligation.currency)) return 'currency_not_supported';
  if (method.status !== 'active') return `method_${method.status}`;
  if (method.expires_on !== null && isExpired(method.expires_on, now)) return 'method_expired';
  if (!method.proven) return 'method_not_proven';
  if (method.disputed) return 'method_disputed';
  if (isQuarantined(method)) return 'method_of_other_customer';
  if (!method.off_session_consent) return 'no_consent';
  // A retry on the failed method continues what was set up with it; a method that the signed-in customer added needs no
  // device.
  const needsDevice =
    policy.recovery.requireTrustedDevice &&
    method.added_by !== 'customer' &&
    method.payment_method_id !== obligation.failed_payment_method_id;
  return needsDevice && !onTrustedDevice ? 'no_trusted_device' : undefined;
}

/** An attempt in flight blocks the whole customer until its deadline; after that it counts as unknown. */
function isInFlight(attempt: AttemptNode, now: number): boolean {
  return attempt.state === 'in_flight' && Date.parse(attempt.claim_deadline ?? attempt.claimed_at) > now;
}

function isUnresolvedOn({ payment_method_id }: Readonly<WalletMethod>, attempt: AttemptNode): boolean {
  return attempt.payment_method_id === payment_method_id && isUnresolved(attempt);
}

function appendClaim(tx: CommandTx, input: ClaimContext, method: Readonly<WalletMethod>): Claim {
  const { obligation, now, key, n } = input;
  const claimed_at = new Date(now).toISOString();
  const claim_deadline = new Date(now + CLAIM_MS).toISOString();
  tx.append({
    stream: 'customer',
    stream_id: input.customer.id,
    type: 'ChargeClaimed',
    data: {
      key,
      n,
      payment_id: input.payment_id,
      payment_method_id: method.payment_method_id,
      network: method.network,
      amount: obligation.amount as number,
      currency: obligation.currency as string,
      claimed_at,
      claim_deadline,
    },
  });
  return {
    result: 'claimed',
    attempt: {
      key,
      payment_method_id: method.payment_method_id,
      n,
      claimed_at: now,
      claim_deadline: now + CLAIM_MS,
    },
  };
}

/** A refusal by a ceiling is a decision: it is logged with its rule, as an attempt that was never sent. */
function appendForbidden(
  tx: CommandTx,
  input: ClaimContext,
  method: Readonly<WalletMethod>,
  rule: string,
  existing: AttemptNode | undefined,
): AttemptStatus {
  if (existing) return attemptStatus(existing);
  const { obligation, key, n, payment_id } = input;
  const at = new Date(input.now).toISOString();
  const { payment_method_id, network } = method;
  const data: RecoveryEvents['RecoveryAttempted'] = {
    ...{ key, n, source: 'recovery', payment_id, payment_method_id, network, state: 'void', rule },
    amount: obligation.amount as number,
    currency: obligation.currency as string,
    ...{ class: null, code: null, gateway_ref: null, payment_ref: null },
    ...{ attempted_at: at, resolved_at: at },
  };
  tx.append({ stream: 'customer', stream_id: input.customer.id, type: 'RecoveryAttempted', data });
  return { n, payment_method_id, key, state: 'void', rule, started_at: at, resolved_at: at };
}

function claimedResult(attempt: AttemptNode, n: number): Claim {
  return {
    result: 'claimed',
    attempt: {
      key: attempt.key,
      payment_method_id: attempt.payment_method_id,
      n,
      claimed_at: Date.parse(attempt.claimed_at),
      claim_deadline: Date.parse(attempt.claim_deadline ?? attempt.claimed_at),
    },
  };
}

function blockedBy(
  attempt: AttemptNode,
  what: 'customer' | 'instrument',
): Extract<Claim, { result: 'blocked' }> {
  return { result: 'blocked', by: attempt.payment_id, since: Date.parse(attempt.claimed_at), what };
}
