/** What a decline means and how it changes the wallet, in the transaction that records it. */

import { classify, type DeclineDecision } from '../../domain/decline/classify.ts';
import type { DeclineCodes } from '../../domain/decline/codes.ts';
import { consequencesOf } from '../../domain/decline/consequences.ts';
import { transition } from '../../domain/payment-method.ts';
import { NETWORK_REVOCATION } from '../../domain/wallet.ts';
import type { RecoveryEvents } from '../../domain/events/recovery.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { Wallet, WalletMethod } from '../wallet/wallet.ts';

export interface FailureDecision extends DeclineDecision {
  /** The network whose rules apply to the decline: the reported one, else the method's. */
  network: string | null;
}

/** Classifies a failure that another system reports. With an unknown outcome it is not a decline yet. */
export function classifyFailure(failure: PaymentFailed, method: Readonly<WalletMethod>): FailureDecision {
  const { network = method.network ?? undefined } = failure;
  return decisionOf({ ...failure, ...(network ? { network } : {}) }, method, Date.parse(failure.occurred_at));
}

/** Classifies the gateway's response to one of Persona's charges. @param at epoch milliseconds */
export function classifyAnswer(
  codes: DeclineCodes,
  method: Readonly<WalletMethod>,
  at: number,
): FailureDecision {
  const network = codes.network ?? method.network ?? undefined;
  return decisionOf({ ...codes, ...(network ? { network } : {}) }, method, at);
}

function decisionOf(codes: DeclineCodes, method: Readonly<WalletMethod>, at: number): FailureDecision {
  const rail = { type: method.type, ...(method.network ? { network: method.network } : {}) };
  return { ...classify(codes, rail, at), network: codes.network ?? null };
}

/**
 * A withdrawal of consent is void if the customer has consented to the method again since. A decline that stops only
 * one payment (`R0`) is never void. @param at - RFC 3339, of the decline
 */
export function withRenewedConsent(
  decision: FailureDecision,
  { off_session_consent, consent_source, consent_at }: Readonly<WalletMethod>,
  at: string,
): FailureDecision {
  if (!consequencesOf(decision).withdrawsConsent || consent_at === null) return decision;
  const renewed =
    off_session_consent && consent_source === 'customer' && Date.parse(consent_at) > Date.parse(at);
  if (!renewed) return decision;
  const { consent: _, ...rest } = decision;
  return { ...rest, class: 'LATER' };
}

/** Optional details of a decline's event: that the card is dead, and codes missing from the table. */
export function declineDetails(
  decision: DeclineDecision | undefined,
): Pick<RecoveryEvents['RecoveryAttempted'], 'card_dead' | 'unmapped'> {
  return {
    ...(decision?.cardDead ? { card_dead: true } : {}),
    ...(decision && decision.unmapped.length > 0 ? { unmapped: decision.unmapped } : {}),
  };
}

/**
 * Applies the consequences of the decline's class to the method, skipping a change that the method's status does not allow.
 * A method that its customer has removed is updated as well: the next use of its token must bring back neither a stolen
 * card nor a revoked consent.
 */
export function applyDecline(
  wallet: Wallet,
  paymentMethodId: string,
  decision: DeclineDecision,
  at: string,
): void {
  const method = wallet.methods.find((one) => one.payment_method_id === paymentMethodId);
  if (!method) return;
  const { methodStatus, withdrawsConsent } = consequencesOf(decision);
  if (withdrawsConsent) wallet.setConsent(paymentMethodId, false, NETWORK_REVOCATION, at);
  if (methodStatus && transition(method.status, methodStatus) === 'legal') {
    wallet.changeStatus(paymentMethodId, methodStatus, decision.masks ? decision.class : decision.rule);
  }
}
