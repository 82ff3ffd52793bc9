import { expect, test } from 'vitest';
import { railOf, supportsCurrency } from './rails.ts';

test.each([
  ['card', 'visa', 'card', 'card'],
  ['digital_wallet', 'visa', 'card', 'card'],
  ['digital_wallet', null, 'link', 'link'],
  ['bank_account', null, 'bacs_debit', 'bacs_debit'],
  ['card', 'visa', null, 'card'],
  ['digital_wallet', null, null, 'card'],
  ['bank_account', 'sepa', null, 'sepa_debit'],
  ['bank_account', 'ach', null, 'us_bank_account'],
  ['bank_account', null, null, 'us_bank_account'],
] as const)('%s on %s, %s at the gateway, is charged as %s', (type, network, gateway_type, rail) => {
  expect(railOf({ type, network, gateway_type })).toBe(rail);
});

test.each([
  ['us_bank_account', 'USD', 'EUR'],
  ['sepa_debit', 'EUR', 'USD'],
  ['bacs_debit', 'GBP', 'EUR'],
  ['acss_debit', 'CAD', 'EUR'],
  ['acss_debit', 'USD', 'GBP'],
  ['au_becs_debit', 'AUD', 'NZD'],
  ['nz_bank_account', 'NZD', 'AUD'],
])('%s supports %s and not %s', (gateway_type, taken, refused) => {
  const method = { type: 'bank_account', network: null, gateway_type } as const;
  expect(supportsCurrency(method, taken)).toBe(true);
  expect(supportsCurrency(method, refused)).toBe(false);
});

test.each(['card', 'link', 'constructor'])('%s supports any currency', (gateway_type) => {
  expect(supportsCurrency({ type: 'digital_wallet', network: null, gateway_type }, 'KWD')).toBe(true);
});
