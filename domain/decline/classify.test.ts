import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NETWORKS } from '../payment-method.ts';
import { classify } from './classify.ts';
import type { DeclineCodes } from './codes.ts';
import type { CodeRow } from './table.ts';
import { DECLINE_TABLE } from './table.ts';

const AT = Date.parse('2026-04-18T12:00:00Z');
const HOUR_MS = 3_600_000;
const ofCard = (codes: DeclineCodes) => classify(codes, { type: 'card' }, AT);

describe('order of precedence', () => {
  test.each([
    // By MAC goes first.
    [{ network: 'mastercard', network_code: '79' }, 'FIX', 'mastercard:79'],
    [{ network: 'mastercard', network_code: '79', network_advice_code: '01' }, 'FIX', 'mastercard:79+mac:01'],
    [
      { network: 'mastercard', network_code: '79', network_advice_code: '03' },
      'HARD',
      'mastercard:79+mac:03',
    ],
    [
      { network: 'mastercard', network_code: '82', network_advice_code: '03' },
      'HARD',
      'mastercard:82+mac:03',
    ],
    [
      { network: 'mastercard', network_code: '83', network_advice_code: '03' },
      'FRAUD',
      'mastercard:83+mac:03',
    ],
    [{ network: 'mastercard', network_code: '83', network_advice_code: '40' }, 'FIX', 'mastercard:83'],
    [
      { network: 'mastercard', network_code: '79', network_advice_code: '24' },
      'LATER',
      'mastercard:79+mac:24',
    ],
    [
      {
        network: 'mastercard',
        network_code: '79',
        network_advice_code: '01',
        decline_code: 'invalid_account',
      },
      'FIX',
      'mastercard:79+mac:01',
    ],
    [
      {
        network: 'mastercard',
        decline_code: 'new_account_information_available',
        network_advice_code: '03',
      },
      'HARD',
      'stripe:new_account_information_available+mac:03',
    ],
    [{ network: 'visa', network_code: '83', network_advice_code: '03' }, 'FIX', 'visa:83+mac:03'],
    // STOP, FRAUD, HARD: the strongest.
    [
      { network: 'visa', network_code: '51', decline_code: 'revocation_of_authorization' },
      'STOP',
      'stripe:revocation_of_authorization',
    ],
    [
      { network: 'visa', network_code: '43', decline_code: 'stop_payment_order' },
      'STOP',
      'stripe:stop_payment_order+visa:43',
    ],
    [{ network: 'visa', network_code: '57', decline_code: 'stolen_card' }, 'FRAUD', 'stripe:stolen_card'],
    [{ network: 'visa', network_code: '41', decline_code: 'fraudulent' }, 'FRAUD', 'visa:41'],
    [{ decline_code: 'fraudulent', code: 'stolen_card' }, 'FRAUD', 'stripe:stolen_card'],
    [{ network: 'mastercard', network_code: '43', decline_code: 'fraudulent' }, 'FRAUD', 'mastercard:43'],
    [{ decline_code: 'insufficient_funds', code: 'incorrect_number' }, 'HARD', 'stripe:incorrect_number'],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '42' }, 'HARD', 'mac:42'],
    [
      { network: 'visa', network_code: '54', decline_code: 'do_not_try_again' },
      'HARD',
      'stripe:do_not_try_again',
    ],
    // Nobody knows whether it was charged.
    [{ network: 'mastercard', network_code: '94', network_advice_code: '02' }, 'UNKNOWN', 'duplicate'],
    [{ network: 'mastercard', network_code: '94', network_advice_code: '03' }, 'UNKNOWN', 'duplicate+mac:03'],
    [
      { decline_code: 'insufficient_funds', code: 'api_connection_error' },
      'UNKNOWN',
      'stripe:api_connection_error',
    ],
    // Do not try again.
    [{ network: 'mastercard', network_code: '54', network_advice_code: '03' }, 'FIX', 'mastercard:54+mac:03'],
    [
      { decline_code: 'expired_card', advice_code: 'do_not_try_again' },
      'FIX',
      'stripe:expired_card+advice:do_not_try_again',
    ],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '03' }, 'HARD', 'mac:03'],
    [{ network: 'mastercard', network_code: '91', network_advice_code: '03' }, 'HARD', 'mac:03'],
    [
      { network: 'mastercard', network_code: '1A', network_advice_code: '03' },
      'AUTH',
      'mastercard:1A+mac:03',
    ],
    [{ network: 'mastercard', network_advice_code: '03' }, 'HARD', 'mac:03'],
    // The first that is known of.
    [{ network: 'mastercard', network_code: '54', network_advice_code: '24' }, 'LATER', 'mac:24'],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '01' }, 'FIX', 'mac:01'],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '40' }, 'LATER', 'mastercard:51'],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '77' }, 'LATER', 'mastercard:51'],
    [
      { decline_code: 'generic_decline', advice_code: 'confirm_card_data' },
      'FIX',
      'advice:confirm_card_data',
    ],
    [{ network: 'visa', network_code: '51', decline_code: 'expired_card' }, 'LATER', 'visa:51'],
    [{ network: 'visa', network_code: 'XX', decline_code: 'expired_card' }, 'FIX', 'stripe:expired_card'],
    [{ decline_code: 'weird', code: 'expired_card' }, 'FIX', 'stripe:expired_card'],
    [{ code: 'card_declined', decline_code: 'expired_card' }, 'FIX', 'stripe:expired_card'],
    [{ decline_code: 'insufficient_funds', reason: 'Stolen Card' }, 'LATER', 'stripe:insufficient_funds'],
    [{ code: 'card_declined', reason: 'Stolen Card' }, 'FRAUD', 'text:stolen_card'],
    [{ decline_code: 'weird', reason: 'Hard Decline' }, 'HARD', 'text:hard_decline'],
    [{ decline_code: 'weird', code: 'card_declined', reason: 'no idea' }, 'LATER', 'unmapped'],
    [{ code: 'card_declined' }, 'LATER', 'stripe:card_declined'],
    [{ network: 'visa', network_code: 'XX' }, 'LATER', 'unmapped'],
    [{}, 'LATER', 'unspecified'],
    // Unknown networks.
    [
      { network: 'elo', network_code: '41', decline_code: 'insufficient_funds' },
      'LATER',
      'stripe:insufficient_funds',
    ],
    [{ network: 'elo', network_code: '41' }, 'FRAUD', 'card:41'],
    [{ network_code: '41', code: 'card_declined' }, 'FRAUD', 'card:41'],
    [{ network: 'elo', network_code: '83' }, 'LATER', 'unmapped'],
    // As people write them.
    [{ network: 'American Express', network_code: ' 5 ' }, 'LATER', 'amex:05'],
    [{ network: 'VISA', network_code: 'r1' }, 'STOP', 'visa:R1'],
    [{ decline_code: 'Stolen Card' }, 'FRAUD', 'stripe:stolen_card'],
    [{ network: '', network_code: '', decline_code: '', reason: '' }, 'LATER', 'unspecified'],
  ] as const)('%j is %s by %s', (codes, declineClass, rule) => {
    expect(ofCard(codes)).toMatchObject({ class: declineClass, rule });
  });

  test("a bank debit's R01 is not Visa's R1", () => {
    expect(ofCard({ network: 'visa', network_code: 'R01' })).toMatchObject({
      rule: 'unmapped',
      class: 'LATER',
    });
    expect(ofCard({ network: 'ach', network_code: 'R1' })).toMatchObject({
      rule: 'unmapped',
      class: 'LATER',
    });
    expect(ofCard({ network: 'ach', network_code: 'R01' })).toMatchObject({
      rule: 'ach:R01',
      class: 'LATER',
    });
    expect(ofCard({ network: 'ach', network_code: '41' })).toMatchObject({ rule: 'unmapped' });
    expect(classify({ network_code: 'R07' }, { type: 'bank_account' }, AT)).toMatchObject({
      class: 'STOP',
      rule: 'bank:R07',
    });
    expect(classify({ network_code: '41' }, { type: 'bank_account' }, AT)).toMatchObject({
      rule: 'unmapped',
    });
  });

  test('a bank debit has no merchant advice code', () => {
    expect(
      classify({ network: 'ach', network_code: 'R01', network_advice_code: '21' }, {}, AT),
    ).toMatchObject({ class: 'LATER', rule: 'ach:R01', unmapped: [] });
  });

  test("the method's network is asked where the codes name none", () => {
    const codes = { network_code: '57', decline_code: 'insufficient_funds' };
    expect(classify(codes, { type: 'card', network: 'visa' }, AT)).toMatchObject({ rule: 'visa:57' });
    expect(classify({ ...codes, network: 'mastercard' }, { network: 'visa' }, AT)).toMatchObject({
      rule: 'mastercard:57',
      neverAgain: false,
    });
  });
});

describe('what else a decision says', () => {
  test('its code is the decline, not the advice', () => {
    expect(ofCard({ network: 'mastercard', network_code: '51', network_advice_code: '24' })).toMatchObject({
      code: '51',
      notBefore: AT + HOUR_MS,
    });
    expect(ofCard({ network_advice_code: '24' }).code).toBe('24');
    expect(ofCard({ decline_code: 'weird' }).code).toBe('weird');
  });

  test('every code that the table does not have is named', () => {
    const codes = {
      network: 'visa',
      network_code: 'XX',
      network_advice_code: '77',
      decline_code: 'lost_card',
    };
    expect(ofCard({ ...codes, code: 'odd', advice_code: 'maybe' }).unmapped.toSorted()).toEqual([
      'advice_code:maybe',
      'code:odd',
      'network_advice_code:77',
      'network_code:XX',
    ]);
  });

  test('a weaker source still masks, warns and forbids', () => {
    expect(ofCard({ network: 'visa', network_code: 'R0', decline_code: 'stolen_card' })).toMatchObject({
      class: 'STOP',
      masks: true,
      tellChimera: true,
      suspicion: 'known',
      neverAgain: true,
    });
    expect(ofCard({ network: 'visa', network_code: 'R0' })).toMatchObject({ neverAgain: false });
    expect(ofCard({ network: 'visa', network_code: '51', decline_code: 'security_violation' })).toMatchObject(
      {
        class: 'LATER',
        tellChimera: true,
        masks: false,
      },
    );
  });

  test('an opinion stays one only while nobody knows', () => {
    expect(ofCard({ decline_code: 'fraudulent' }).suspicion).toBe('opinion');
    expect(ofCard({ decline_code: 'fraudulent', code: 'stolen_card' }).suspicion).toBe('known');
    expect(ofCard({ reason: 'stolen card' }).suspicion).toBe('known');
    expect(ofCard({ decline_code: 'insufficient_funds' }).suspicion).toBeUndefined();
  });

  test.each(['R0', 'R3'])('of two withdrawn consents the further one counts: %s', (network_code) => {
    const decline_code = 'revocation_of_authorization';
    expect(ofCard({ network: 'visa', network_code, decline_code }).consent).toBe('customer_obligations');
  });
});

describe('whatever comes together', () => {
  const codesOf = (rows: readonly CodeRow[]) => rows.flatMap(({ codes }) => codes);
  const some = (codes: readonly string[]) => fc.option(fc.constantFrom(...codes, 'odd'), { nil: undefined });
  const anyCodes = fc.record({
    network: fc.option(fc.constantFrom(...NETWORKS, 'elo'), { nil: undefined }),
    network_code: some(codesOf([...DECLINE_TABLE.network_codes, ...DECLINE_TABLE.bank_debit_codes])),
    network_advice_code: some(codesOf(DECLINE_TABLE.merchant_advice_codes)),
    decline_code: some(codesOf(DECLINE_TABLE.psp_codes)),
    code: some(codesOf(DECLINE_TABLE.psp_codes)),
    advice_code: some(codesOf(DECLINE_TABLE.psp_advice_codes)),
    reason: fc.option(fc.constantFrom('Stolen Card', 'Hard Decline', 'timeout', 'no'), { nil: undefined }),
  });
  const STOPS = ['stop_payment_order', 'revocation_of_authorization', 'revocation_of_all_authorizations'];
  const RANK = ['STOP', 'FRAUD', 'HARD'];
  const runs = { numRuns: 3000 };

  test('STOP anywhere wins', () => {
    fc.assert(
      fc.property(
        anyCodes,
        fc.constantFrom(...STOPS),
        fc.constantFrom('code', 'decline_code'),
        (codes, stop, field) => {
          expect(ofCard({ ...codes, [field]: stop })).toMatchObject({ class: 'STOP' });
        },
      ),
      runs,
    );
  });

  test("the gateway's FRAUD or HARD is never weakened, but by a row 'by MAC' or a STOP", () => {
    fc.assert(
      fc.property(
        anyCodes,
        fc.constantFrom('stolen_card', 'fraudulent', 'invalid_account'),
        (codes, code) => {
          const given = { ...codes, code };
          const decided = ofCard(given);
          if (/:(79|82|83|new_account_information_available)(\+|$)/.test(decided.rule)) return;
          const alone = ofCard({ code });
          expect(RANK.indexOf(decided.class)).toBeGreaterThanOrEqual(0);
          expect(RANK.indexOf(decided.class)).toBeLessThanOrEqual(RANK.indexOf(alone.class));
        },
      ),
      runs,
    );
  });

  test("'do not try again' forbids for ever, and never leads to a retry", () => {
    fc.assert(
      fc.property(anyCodes, fc.constantFrom('03', undefined), (codes, mac) => {
        const advised = mac ? { network_advice_code: mac } : { advice_code: 'do_not_try_again' };
        const card = codes.network === 'ach' || codes.network === 'sepa' ? { network: 'visa' } : {};
        const decided = ofCard({ ...codes, ...card, ...advised });
        expect(decided.neverAgain).toBe(true);
        if (mac) expect(['LATER', 'TECH']).not.toContain(decided.class);
        else if (codes.network_advice_code === undefined)
          expect(['LATER', 'TECH']).not.toContain(decided.class);
      }),
      runs,
    );
  });

  test('there is always a decision that names its rule, the same for the same codes', () => {
    fc.assert(
      fc.property(anyCodes, (codes) => {
        const decided = ofCard(codes);
        expect(decided.rule).toMatch(/^[a-z]+(:[\w]+)?(\+(mac|advice|visa|stripe):\w+)*$/);
        expect(decided).toEqual(ofCard(codes));
        expect(decided.consent !== undefined).toBe(decided.class === 'STOP');
        if (decided.class === 'FRAUD') expect(decided).toMatchObject({ masks: true, tellChimera: true });
      }),
      runs,
    );
  });

  test('any text is a code like any other', () => {
    const word = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(word, word, word, (network_code, decline_code, reason) => {
        const decided = ofCard({
          network: 'visa',
          network_code,
          decline_code,
          network_advice_code: reason,
          reason,
        });
        expect(decided.rule).not.toBe('');
      }),
    );
  });
});
