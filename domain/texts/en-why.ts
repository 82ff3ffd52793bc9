/** Why an event of the timeline happened, in English. As in the other texts, never a code and never a suspicion. */

import type { EventData } from '../events/event.ts';
import type { PaymentMethodStatus } from '../payment-method.ts';
import { statusShownToCustomer } from '../payment-method.ts';
import { chooserOf, NETWORK_REVOCATION } from '../wallet.ts';
import type { EventReason, Language } from './language.ts';

const PROVEN = 'It came with a request that was recognised as yours.';
const UNPROVEN =
  'It came with an e-mail address or phone number that you had not confirmed, so it is not used until you confirm it.';
const LOGIN = {
  proven: 'It was used in a session that was recognised as yours.',
  unproven:
    'It was used with an e-mail address or phone number that you had not confirmed, so it is not trusted until you confirm it.',
};

const STATUSES: Readonly<Record<PaymentMethodStatus, string>> = {
  unverified: 'Our payment gateway has not confirmed it yet.',
  active: 'Our payment gateway confirmed it, or a payment with it went through.',
  failed: 'A payment with it did not go through, or it could not be confirmed.',
  expired: 'The last month in which it is valid is over.',
  inactive: 'It was taken out of use.',
  compromised: 'It was taken out of use.',
};

const proof: EventReason<'AddressAdded' | 'PaymentMethodAdded'> = ({ proven }, by) => {
  if (by === 'customer') return undefined;
  return proven ? PROVEN : UNPROVEN;
};
const loginProof: EventReason<'DeviceLinked' | 'LoginRecorded'> = ({ proven }) =>
  proven ? LOGIN.proven : LOGIN.unproven;

function reasonOfDefault({ payment_method_id, reason }: EventData['DefaultPaymentMethodChanged']): string {
  if (payment_method_id === null) return 'None of your payment methods can be the default now.';
  const chooser = chooserOf(reason);
  if (chooser === 'customer') return 'You chose it.';
  if (chooser !== undefined) return 'A service of ours chose it.';
  return reason === 'recovery'
    ? 'It paid for what the previous default could not.'
    : 'You had no default payment method, or the previous one can no longer be it. Of the others, it was used last.';
}

function reasonOfConsent({ consent_source, off_session_consent }: EventData['ConsentChanged'], by: string) {
  if (consent_source === NETWORK_REVOCATION)
    return 'Your bank informed us that you no longer want it to be charged.';
  if (consent_source === 'customer' || by === 'customer') return 'You decided this.';
  return off_session_consent ? 'A service of ours reported your consent.' : undefined;
}

/** @param recovery the language's words for failures and outcomes */
export function whyInEnglish({
  failure,
  outcome,
  attempt,
}: Language['recovery']): Language['timeline']['why'] {
  return {
    by: {
      customer: 'You did this.',
      service: 'A service of ours reported it.',
      gateway: 'Our payment gateway reported it.',
      operator: 'A member of our team did this.',
      persona: 'It follows from our rules, without a person deciding.',
    },
    events: {
      CustomerStatusChanged: ({ new_status }) =>
        new_status === 'suspended'
          ? 'To protect you and your payment methods. A member of our team can review it.'
          : undefined,
      LtvAdjusted: () => 'It is the sum of your purchases, or a valuation of them.',
      DeviceLinked: loginProof,
      LoginRecorded: loginProof,
      AddressAdded: proof,
      PaymentMethodAdded: proof,
      PaymentMethodStatusChanged: ({ new_status }, by) =>
        by === 'customer' ? undefined : STATUSES[statusShownToCustomer(new_status)],
      DefaultPaymentMethodChanged: reasonOfDefault,
      ConsentChanged: reasonOfConsent,
      EventContested: () => 'You did this.',
      ContestDecided: () => 'A member of our team decided; the explanation is part of this event.',
      ExpiryNoticeDue: ({ expires_on }) => `It is valid until ${expires_on}.`,
      RecoveryOpened: () => 'We were informed that the payment had failed.',
      RecoveryReopened: () => 'We were informed that the payment had failed again.',
      ChargeClaimed: () =>
        'You agreed to it being charged without you being present, and it is the next one that can be charged.',
      RecoveryAttempted: ({ state, class: declineClass }) =>
        state === 'declined' ? failure[declineClass ?? 'LATER'] : attempt[state],
      RecoveryNeedsReview: () => 'A member of our team has to look at it before it continues.',
      RecoveryClosed: ({ state }) => outcome[state],
      DeviceSightingForgotten: () => 'We keep where a device was last seen only for a limited time.',
      RecoveryForgotten: () => 'We keep them only for a limited time.',
      RecoveryOverpaid: () => 'Our payment gateway reported a second successful charge for it.',
      RefundSent: ({ by_others }) =>
        by_others === null ? 'It was paid twice.' : 'Our payment gateway reported the refund.',
      RefundRequested: () => 'It was paid twice.',
      NoticeSent: () => 'We notify you when something happens to your payments or your account.',
      NoticeFailed: () => 'The message could not be delivered to any of your addresses.',
    },
  };
}
