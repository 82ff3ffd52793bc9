import type { Network } from '../payment-method.ts';
import { NETWORKS } from '../payment-method.ts';

/** Aliases of networks: spellings of brands, and a gateway's names for bank debits. */
const ALIASES: Readonly<Record<string, Network | undefined>> = {
  american_express: 'amex',
  master_card: 'mastercard',
  maestro: 'mastercard',
  diners_club: 'diners',
  union_pay: 'unionpay',
  us_bank_account: 'ach',
  sepa_debit: 'sepa',
};

/** The network for a name in any spelling; `undefined` for one without rules in Persona. */
export function networkOf(name: string | undefined): Network | undefined {
  const key =
    name
      ?.trim()
      .toLowerCase()
      .replaceAll(/[\s-]+/g, '_') ?? '';
  return (
    NETWORKS.find((network) => network === key) ?? (Object.hasOwn(ALIASES, key) ? ALIASES[key] : undefined)
  );
}
