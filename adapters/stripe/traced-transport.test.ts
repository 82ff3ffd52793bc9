import { expect, test } from 'vitest';
import { patternOf } from './traced-transport.ts';

test.each([
  ['/v1/payment_intents', '/v1/payment_intents'],
  ['/v1/payment_intents?customer=cus_1&limit=100', '/v1/payment_intents'],
  ['/v1/payment_intents/pi_1/cancel', '/v1/payment_intents/{id}/cancel'],
  ['/v1/payment_methods/pm_card_visa/attach', '/v1/payment_methods/{id}/attach'],
  ['/v1/customers/cus_1/payment_methods', '/v1/customers/{id}/payment_methods'],
  ['/v1/radar/early_fraud_warnings/issfr_1', '/v1/radar/early_fraud_warnings/{id}'],
])('%s is traced as %s', (path, pattern) => {
  expect(patternOf(path)).toBe(pattern);
});
