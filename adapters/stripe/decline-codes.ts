/** Collects the codes of a decline from the three places where Stripe may report them. */

import type { Stripe } from 'stripe';
import type { DeclineCodes } from '../../domain/decline/codes.ts';
import { networkOf } from './methods.ts';

interface DeclineSource {
  code?: string | null;
  decline_code?: string | null;
  advice_code?: string | null;
  network_decline_code?: string | null;
  network_advice_code?: string | null;
  payment_method?: Stripe.PaymentMethod | null;
}

/** @param error the response's error, or the payment's `last_payment_error`; missing codes are read from the payment */
export function declineCodes(error: DeclineSource, intent: Stripe.PaymentIntent | undefined): DeclineCodes {
  return mergeSources([error, (intent?.last_payment_error ?? {}) as DeclineSource, outcomeOf(intent)]);
}

/** The codes of a failed charge, completed by the payment's `last_payment_error` if that concerns this charge. */
export function codesOfCharge(charge: Stripe.Charge, intent?: Stripe.PaymentIntent): DeclineCodes {
  const error = intent?.last_payment_error;
  const details = charge.payment_method_details;
  const network = details === null ? undefined : networkOf(details);
  const codes = mergeSources([
    (error?.charge === charge.id ? error : {}) as DeclineSource,
    { code: charge.failure_code, decline_code: declineCodeOf(charge) },
    (charge.outcome ?? {}) as DeclineSource,
  ]);
  return network === undefined ? codes : { ...codes, network };
}

/** `outcome.reason` is the decline code, even where `code` alone reports it; a custom Radar rule has no code. */
function declineCodeOf({ failure_code, outcome }: Stripe.Charge): string | null | undefined {
  if (failure_code !== 'card_declined') return undefined;
  return outcome?.reason === 'rule' ? 'fraudulent' : outcome?.reason;
}

function mergeSources(sources: readonly DeclineSource[]): DeclineCodes {
  const first = (field: keyof Omit<DeclineSource, 'payment_method'>) =>
    sources.map((source) => source[field]).find((value) => value != null && value !== '');
  const method = sources.map((source) => source.payment_method).find((value) => value != null);
  return omitMissing({
    code: first('code'),
    decline_code: first('decline_code'),
    advice_code: first('advice_code'),
    network_code: first('network_decline_code'),
    network_advice_code: first('network_advice_code'),
    network: method == null ? undefined : networkOf(method),
  });
}

/** Only where the response contains the expanded charge. */
function outcomeOf(intent: Stripe.PaymentIntent | undefined): DeclineSource {
  const charge = intent?.latest_charge;
  return typeof charge === 'object' && charge !== null ? ((charge.outcome ?? {}) as DeclineSource) : {};
}

function omitMissing(codes: Record<string, string | null | undefined>): DeclineCodes {
  return Object.fromEntries(Object.entries(codes).filter(([, value]) => value != null));
}
