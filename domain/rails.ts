/** Which rail a payment method is charged on, under the gateway's own name for it (`card`, `link`, `sepa_debit`, …). */

import type { PaymentMethodType } from './payment-method.ts';

/** Rails that take only some currencies; any other takes all that its issuer lets pass. */
const CURRENCIES: Readonly<Record<string, readonly string[]>> = {
  us_bank_account: ['USD'],
  sepa_debit: ['EUR'],
  bacs_debit: ['GBP'],
  acss_debit: ['CAD', 'USD'],
  au_becs_debit: ['AUD'],
  nz_bank_account: ['NZD'],
};

export interface RailDetails {
  type: PaymentMethodType;
  network: string | null;
  /** As the gateway names it; `null`: it has not been asked yet. */
  gateway_type: string | null;
}

/** Where the gateway's name is not known: a wallet (Apple Pay, Google Pay) is a card, a bank account goes by its network. */
export function railOf({ type, network, gateway_type }: RailDetails): string {
  if (gateway_type !== null) return gateway_type;
  if (type !== 'bank_account') return 'card';
  return network === 'sepa' ? 'sepa_debit' : 'us_bank_account';
}

/** Can anything be charged on the method in this currency (ISO 4217)? */
export function supportsCurrency(method: RailDetails, currency: string): boolean {
  const rail = railOf(method);
  return !Object.hasOwn(CURRENCIES, rail) || CURRENCIES[rail]?.includes(currency) === true;
}
