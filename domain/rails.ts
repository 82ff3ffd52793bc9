/** The rail on which a payment method is charged, by the gateway's name (`card`, `link`, `sepa_debit`, …). */

import type { PaymentMethodType } from './payment-method.ts';

/** Rails that support only some currencies; any other rail supports whatever the issuer allows. */
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
  /** The gateway's name for the type; `null`: not read yet. */
  gateway_type: string | null;
}

/** Without the gateway's name, a wallet (Apple Pay, Google Pay) counts as a card, and a bank account follows its network. */
export function railOf({ type, network, gateway_type }: RailDetails): string {
  if (gateway_type !== null) return gateway_type;
  if (type !== 'bank_account') return 'card';
  return network === 'sepa' ? 'sepa_debit' : 'us_bank_account';
}

/** Whether the method can be charged in this currency (ISO 4217). */
export function supportsCurrency(method: RailDetails, currency: string): boolean {
  const rail = railOf(method);
  return !Object.hasOwn(CURRENCIES, rail) || CURRENCIES[rail]?.includes(currency) === true;
}
