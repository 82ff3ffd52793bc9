/** A decline's consequences outside its recovery (docs/reference/decline-codes.md, 'Classes' and 'What a decline teaches'). */

import type { PaymentMethodStatus } from '../payment-method.ts';
import type { DeclineDecision } from './classify.ts';

export interface DeclineConsequences {
  /** The method's new status; absent: unchanged. Illegal transitions are skipped (`transition`). */
  readonly methodStatus?: Extract<PaymentMethodStatus, 'failed' | 'expired' | 'inactive' | 'compromised'>;
  /** `off_session_consent` on this method becomes false, `consent_source` `network_revocation`. */
  readonly withdrawsConsent: boolean;
  /** The customer's other open recoveries that failed on this method end too. */
  readonly endsOtherRecoveries: boolean;
}

export function consequencesOf(decision: DeclineDecision): DeclineConsequences {
  const methodStatus = statusAfter(decision);
  return {
    ...(methodStatus && { methodStatus }),
    withdrawsConsent: decision.consent === 'method' || decision.consent === 'customer_obligations',
    endsOtherRecoveries: decision.consent === 'customer_obligations',
  };
}

/**
 * Whether a decline has consequences that apply however late it becomes known: a withdrawn consent, a card known to be lost,
 * stolen or closed, a card that must never be retried.
 */
export function isPermanent({
  class: declineClass,
  suspicion,
  neverAgain,
  cardDead,
}: DeclineDecision): boolean {
  return declineClass === 'STOP' || suspicion === 'known' || neverAgain || cardDead;
}

function statusAfter({
  class: declineClass,
  suspicion,
  expired,
}: DeclineDecision): DeclineConsequences['methodStatus'] {
  switch (declineClass) {
    case 'FRAUD':
      // An opinion is not the issuer's statement: the method may be restored once Chimera has decided.
      return suspicion === 'opinion' ? 'failed' : 'compromised';
    case 'STOP':
      // A stolen card stays stolen even if its holder also cancelled something.
      return suspicion === 'known' ? 'compromised' : undefined;
    case 'HARD':
      return 'inactive';
    case 'FIX':
      return expired ? 'expired' : 'failed';
    case 'AUTH':
    case 'LATER':
    case 'TECH':
    case 'CONFIG':
    case 'UNKNOWN':
      return undefined;
  }
}
