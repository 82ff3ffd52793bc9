import { expect, test } from 'vitest';
import { classify } from './classify.ts';
import { consequencesOf } from './consequences.ts';

const NOTHING = { withdrawsConsent: false, endsOtherRecoveries: false };

test.each([
  [
    { network: 'visa', network_code: '43' },
    { ...NOTHING, methodStatus: 'compromised' },
  ],
  [{ reason: 'Stolen Card' }, { ...NOTHING, methodStatus: 'compromised' }],
  [{ decline_code: 'fraudulent' }, { ...NOTHING, methodStatus: 'failed' }],
  [
    { decline_code: 'fraudulent', code: 'lost_card' },
    { ...NOTHING, methodStatus: 'compromised' },
  ],
  [
    { network: 'mastercard', network_code: '83', network_advice_code: '03' },
    { ...NOTHING, methodStatus: 'compromised' },
  ],
  [{ network: 'visa', network_code: 'R0' }, NOTHING],
  [
    { network: 'visa', network_code: 'R1' },
    { withdrawsConsent: true, endsOtherRecoveries: true },
  ],
  [
    { network: 'visa', network_code: 'R3' },
    { withdrawsConsent: true, endsOtherRecoveries: false },
  ],
  [
    { network: 'visa', network_code: 'R3', decline_code: 'stolen_card' },
    { methodStatus: 'compromised', withdrawsConsent: true, endsOtherRecoveries: false },
  ],
  [{ network: 'visa', network_code: 'R0', decline_code: 'fraudulent' }, NOTHING],
  [
    { network: 'visa', network_code: '14' },
    { ...NOTHING, methodStatus: 'inactive' },
  ],
  [
    { network: 'visa', network_code: '51', advice_code: 'do_not_try_again' },
    { ...NOTHING, methodStatus: 'inactive' },
  ],
  [
    { network: 'visa', network_code: '54' },
    { ...NOTHING, methodStatus: 'expired' },
  ],
  [
    { network: 'mastercard', network_code: '54', network_advice_code: '01' },
    { ...NOTHING, methodStatus: 'expired' },
  ],
  [{ decline_code: 'incorrect_cvc' }, { ...NOTHING, methodStatus: 'failed' }],
  [{ network: 'visa', network_code: '1A' }, NOTHING],
  [{ network: 'visa', network_code: '51' }, NOTHING],
  [{ network: 'visa', network_code: '91' }, NOTHING],
  [{ network: 'visa', network_code: '03' }, NOTHING],
  [{ network: 'visa', network_code: '94' }, NOTHING],
])('%j → %j', (codes, consequences) => {
  expect(consequencesOf(classify(codes, { type: 'card' }, 0))).toEqual(consequences);
});
