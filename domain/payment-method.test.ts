import { expect, test } from 'vitest';
import { isTestMethod } from './payment-method.ts';

test.each([
  ['pm_card_visa', true],
  ['pm_card_visa_debit', true],
  ['pm_card_mastercard_prepaid', true],
  ['pm_card_de', true],
  ['pm_card_chargeDeclined', true],
  ['pm_card_visa_chargeDeclinedInsufficientFunds', true],
  ['pm_card_authenticationRequiredOnSetup', true],
  ['pm_card_threeDSecure2Required', true],
  ['pm_card_avsZipFail', true],
  ['pm_usBankAccount_success', true],
  ['pm_1NxYzK2eZvKYlo2C', false],
  ['pm_card_anna', false],
  ['pm_card_visa_1', false],
  ['pm_card_1', false],
  ['card_visa', false],
  ['tok_visa', false],
])('%s is a test method of the gateway: %s', (token, expected) => {
  expect(isTestMethod(token)).toBe(expected);
});
