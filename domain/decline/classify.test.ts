import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NETWORKS } from '../payment-method.ts';
import { classify } from './classify.ts';
import type { DeclineCodes } from './codes.ts';
import type { CodeRow } from './table.ts';
import { DECLINE_TABLE } from './table.ts';

const AT = Date.parse('2026-04-18T12:00:00Z');
const HOUR_MS = 3_600_000;
const classifyCard = (codes: DeclineCodes) => classify(codes, { type: 'card' }, AT);

describe('order of precedence', () => {
  test.each([
    // A class by MAC takes precedence.
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
    [{ network: 'mastercard', network_code: '79', network_advice_code: '24' }, 'LATER', 'mac:24'],
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
    [{ network: 'visa', network_code: '83', network_advice_code: '03' }, 'FIX', 'visa:83'],
    [
      { network: 'mastercard', network_code: '83', advice_code: 'do_not_try_again' },
      'FRAUD',
      'mastercard:83+mac:03+advice:do_not_try_again',
    ],
    [
      {
        network: 'mastercard',
        network_code: '83',
        network_advice_code: '03',
        decline_code: 'fraudulent',
      },
      'FRAUD',
      'mastercard:83+mac:03',
    ],
    // STOP, FRAUD, HARD: the strongest wins.
    [
      { network: 'visa', network_code: '51', decline_code: 'revocation_of_authorization' },
      'STOP',
      'stripe:revocation_of_authorization+visa:51',
    ],
    [
      { network: 'visa', network_code: 'R0', decline_code: 'stolen_card' },
      'STOP',
      'visa:R0+stripe:stolen_card',
    ],
    [{ network: 'visa', network_code: 'R0', decline_code: 'fraudulent' }, 'STOP', 'visa:R0'],
    [
      { network: 'visa', network_code: '43', decline_code: 'stop_payment_order' },
      'STOP',
      'stripe:stop_payment_order+visa:43',
    ],
    [
      { network: 'visa', network_code: '57', decline_code: 'stolen_card' },
      'FRAUD',
      'stripe:stolen_card+visa:57',
    ],
    [{ network: 'visa', network_code: '41', decline_code: 'fraudulent' }, 'FRAUD', 'visa:41'],
    [{ decline_code: 'fraudulent', code: 'stolen_card' }, 'FRAUD', 'stripe:stolen_card'],
    [{ network: 'mastercard', network_code: '43', decline_code: 'fraudulent' }, 'FRAUD', 'mastercard:43'],
    [{ decline_code: 'insufficient_funds', code: 'incorrect_number' }, 'HARD', 'stripe:incorrect_number'],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '42' }, 'HARD', 'mac:42'],
    [{ network: 'visa', network_code: '54', decline_code: 'do_not_try_again' }, 'FIX', 'visa:54'],
    [
      { network: 'visa', network_code: '51', decline_code: 'do_not_try_again' },
      'HARD',
      'stripe:do_not_try_again',
    ],
    // The gateway's HARD counts only if the network's code is not more permanent.
    [{ network: 'visa', network_code: '58', decline_code: 'transaction_not_allowed' }, 'FIX', 'visa:58'],
    [
      { network: 'visa', network_code: '05', decline_code: 'transaction_not_allowed' },
      'HARD',
      'stripe:transaction_not_allowed+visa:05',
    ],
    [
      { network: 'visa', network_code: 'XX', decline_code: 'transaction_not_allowed' },
      'HARD',
      'stripe:transaction_not_allowed+visa:unlisted',
    ],
    // Configuration errors, and authentication required by the gateway.
    [
      { network: 'visa', network_code: '05', decline_code: 'testmode_decline' },
      'CONFIG',
      'stripe:testmode_decline',
    ],
    [
      { network: 'mastercard', network_code: '65', decline_code: 'authentication_required' },
      'AUTH',
      'stripe:authentication_required',
    ],
    [
      {
        network: 'mastercard',
        network_code: '65',
        decline_code: 'authentication_required',
        network_advice_code: '03',
      },
      'FIX',
      'stripe:authentication_required+mac:03',
    ],
    [
      { network: 'visa', decline_code: 'authentication_required', advice_code: 'do_not_try_again' },
      'FIX',
      'stripe:authentication_required+advice:do_not_try_again',
    ],
    // It is unknown whether it was charged.
    [{ network: 'mastercard', network_code: '94', network_advice_code: '02' }, 'UNKNOWN', 'duplicate'],
    [{ network: 'visa', network_code: '94', decline_code: 'invalid_account' }, 'UNKNOWN', 'duplicate'],
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
    [{ network: 'mastercard', network_code: '1A', network_advice_code: '03' }, 'FIX', 'mastercard:1A+mac:03'],
    [
      {
        network: 'mastercard',
        decline_code: 'expired_card',
        network_advice_code: '02',
        advice_code: 'do_not_try_again',
      },
      'FIX',
      'stripe:expired_card+advice:do_not_try_again',
    ],
    [
      { network: 'mastercard', network_advice_code: '24', advice_code: 'do_not_try_again' },
      'HARD',
      'advice:do_not_try_again',
    ],
    [{ network: 'mastercard', network_code: '54', network_advice_code: '99' }, 'FIX', 'mastercard:54+mac:99'],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '99' }, 'HARD', 'mac:99'],
    // Merchant Advice Codes are Mastercard's, and also count if the network is unknown.
    [{ network: 'visa', network_code: '51', network_advice_code: '03' }, 'LATER', 'visa:51'],
    [
      { network: 'amex', decline_code: 'insufficient_funds', network_advice_code: '21' },
      'LATER',
      'stripe:insufficient_funds',
    ],
    [{ decline_code: 'insufficient_funds', network_advice_code: '21' }, 'STOP', 'mac:21'],
    [{ network: 'elo', decline_code: 'insufficient_funds', network_advice_code: '03' }, 'HARD', 'mac:03'],
    [
      { network: 'amex', network_code: '51', advice_code: 'do_not_try_again' },
      'HARD',
      'advice:do_not_try_again',
    ],
    // 'Try again later' decides only if nothing more specific is known.
    [{ decline_code: 'expired_card', advice_code: 'try_again_later' }, 'FIX', 'stripe:expired_card'],
    [{ decline_code: 'try_again_later', code: 'expired_card' }, 'FIX', 'stripe:expired_card'],
    [{ advice_code: 'try_again_later', reason: 'Stolen Card' }, 'FRAUD', 'text:stolen_card'],
    [{ code: 'card_declined', advice_code: 'try_again_later' }, 'LATER', 'advice:try_again_later'],
    [{ decline_code: 'try_again_later' }, 'LATER', 'stripe:try_again_later'],
    [{ network: 'mastercard', network_advice_code: '03' }, 'HARD', 'mac:03'],
    // The first known code.
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
    // Alternative spellings.
    [{ network: 'American Express', network_code: ' 5 ' }, 'LATER', 'amex:05'],
    [{ network: 'VISA', network_code: 'r1' }, 'STOP', 'visa:R1'],
    [{ decline_code: 'Stolen Card' }, 'FRAUD', 'stripe:stolen_card'],
    [{ network: '', network_code: '', decline_code: '', reason: '' }, 'LATER', 'unspecified'],
  ] as const)('%j is %s by %s', (codes, declineClass, rule) => {
    expect(classifyCard(codes)).toMatchObject({ class: declineClass, rule });
  });

  test("a bank debit's R01 is not Visa's R1", () => {
    expect(classifyCard({ network: 'visa', network_code: 'R01' })).toMatchObject({
      rule: 'unmapped',
      class: 'LATER',
    });
    expect(classifyCard({ network: 'ach', network_code: 'R1' })).toMatchObject({
      rule: 'unmapped',
      class: 'LATER',
    });
    expect(classifyCard({ network: 'ach', network_code: 'R01' })).toMatchObject({
      rule: 'ach:R01',
      class: 'LATER',
    });
    expect(classifyCard({ network: 'ach', network_code: '41' })).toMatchObject({ rule: 'unmapped' });
    expect(classify({ network_code: 'R07' }, { type: 'bank_account' }, AT)).toMatchObject({
      class: 'STOP',
      rule: 'bank:R07',
    });
    expect(classify({ network_code: '41' }, { type: 'bank_account' }, AT)).toMatchObject({
      rule: 'unmapped',
    });
  });

  test('a merchant advice code is ignored for a bank debit', () => {
    expect(
      classify({ network: 'ach', network_code: 'R01', network_advice_code: '21' }, {}, AT),
    ).toMatchObject({ class: 'LATER', rule: 'ach:R01', unmapped: [] });
  });

  test("the method's network applies where the codes name none", () => {
    const codes = { network_code: '57', decline_code: 'insufficient_funds' };
    expect(classify(codes, { type: 'card', network: 'visa' }, AT)).toMatchObject({ rule: 'visa:57' });
    expect(classify({ ...codes, network: 'mastercard' }, { network: 'visa' }, AT)).toMatchObject({
      rule: 'mastercard:57',
      neverAgain: false,
    });
  });
});

describe('other properties of a decision', () => {
  test('the code is that of the decline, not of the advice', () => {
    expect(
      classifyCard({ network: 'mastercard', network_code: '51', network_advice_code: '24' }),
    ).toMatchObject({
      code: '51',
      notBefore: AT + HOUR_MS,
    });
    expect(classifyCard({ network_advice_code: '24' }).code).toBe('24');
    expect(classifyCard({ decline_code: 'weird' }).code).toBe('weird');
  });

  test.each([
    [{ network: 'mastercard', network_code: 'XX', network_advice_code: '77' }, 'XX'],
    [{ network: 'mastercard', decline_code: 'odd', network_advice_code: '77', advice_code: 'maybe' }, 'odd'],
    [{ network: 'mastercard', network_advice_code: '77', code: 'card_declined' }, 'card_declined'],
    [{ network: 'mastercard', network_code: 'XX', network_advice_code: '24' }, 'XX'],
    [{ network: 'visa', network_code: 'XX', advice_code: 'try_again_later' }, 'XX'],
    [{ decline_code: ' Processor:05:do_not_honour ' }, 'processor:05:do_not_honour'],
    [{ network: 'mastercard', network_advice_code: '77' }, '77'],
  ] satisfies [DeclineCodes, string][])(
    '%j: the most specific unmapped code is recorded in full: %s',
    (codes, code) => {
      expect(classifyCard(codes).code).toBe(code);
    },
  );

  test.each(['Ada Marlow', 'ada@shop.example', '+1 202 555 0142', 'x'.repeat(41), 'straße'])(
    '%j is no code, and is not repeated',
    (decline_code) => {
      expect(classifyCard({ decline_code })).toMatchObject({
        rule: 'unmapped',
        code: '[not a code]',
        unmapped: ['decline_code:[not a code]'],
      });
    },
  );

  test('every code missing from the table is listed', () => {
    const codes = {
      network: 'mastercard',
      network_code: 'XX',
      network_advice_code: '77',
      decline_code: 'lost_card',
    };
    expect(classifyCard({ ...codes, code: 'odd', advice_code: 'maybe' }).unmapped.toSorted()).toEqual([
      'advice_code:maybe',
      'code:odd',
      'network_advice_code:77',
      'network_code:XX',
    ]);
  });

  test('a weaker source still masks, notifies Chimera and forbids', () => {
    expect(classifyCard({ network: 'visa', network_code: 'R0', decline_code: 'stolen_card' })).toMatchObject({
      class: 'STOP',
      masks: true,
      notifyChimera: true,
      suspicion: 'known',
      cardDead: true,
    });
    expect(classifyCard({ network: 'visa', network_code: 'R0' })).toMatchObject({ neverAgain: false });
    expect(
      classifyCard({ network: 'visa', network_code: '51', decline_code: 'security_violation' }),
    ).toMatchObject({
      class: 'LATER',
      notifyChimera: true,
      masks: false,
    });
  });

  test.each([
    [{ network: 'mastercard', network_code: '43' }, true],
    [{ network: 'mastercard', network_code: '04' }, true],
    [{ network: 'amex', network_code: '14' }, true],
    [{ network: 'discover', network_code: '46' }, true],
    [{ network: 'ach', network_code: 'R03' }, true],
    [{ network: 'sepa', network_code: 'AC04' }, true],
    [{ decline_code: 'lost_card' }, true],
    [{ decline_code: 'pickup_card' }, true],
    [{ network_code: '41' }, true],
    [{ reason: 'Stolen Card' }, true],
    // By MAC: 03 means a closed or stolen account, 01 that there is a new one.
    [{ network: 'mastercard', network_code: '83', network_advice_code: '03' }, true],
    [{ network: 'mastercard', network_code: '79', network_advice_code: '03' }, true],
    [{ network: 'mastercard', network_code: '83', network_advice_code: '01' }, false],
    [{ network: 'mastercard', network_code: '82', network_advice_code: '03' }, false],
    // A STOP alongside does not make a stolen card usable.
    [{ network: 'visa', network_code: 'R3', decline_code: 'stolen_card' }, true],
    // An opinion, a restriction that may be lifted, an expiry date, an account of another type, advice alone.
    [{ decline_code: 'fraudulent' }, false],
    [{ network: 'visa', network_code: 'R0', decline_code: 'merchant_blacklist' }, false],
    [{ network: 'mastercard', network_code: '62' }, false],
    [{ network: 'mastercard', network_code: '54' }, false],
    [{ network: 'mastercard', network_code: '53' }, false],
    [{ network: 'visa', network_code: '57' }, false],
    [{ network: 'ach', network_code: 'R16' }, false],
    [{ network: 'sepa', network_code: 'AC06' }, false],
    [{ network: 'mastercard', network_code: '51', network_advice_code: '03' }, false],
    [{ reason: 'Hard Decline' }, false],
    [{}, false],
  ] satisfies [DeclineCodes, boolean][])('%j marks the card itself as dead: %s', (codes, cardDead) => {
    expect(classifyCard(codes).cardDead).toBe(cardDead);
  });

  test('a source with certain knowledge turns an opinion into a known suspicion', () => {
    expect(classifyCard({ decline_code: 'fraudulent' }).suspicion).toBe('opinion');
    expect(classifyCard({ decline_code: 'fraudulent', code: 'stolen_card' }).suspicion).toBe('known');
    expect(classifyCard({ reason: 'stolen card' }).suspicion).toBe('known');
    expect(classifyCard({ decline_code: 'insufficient_funds' }).suspicion).toBeUndefined();
  });

  test.each(['R0', 'R3'])('of two withdrawn consents the furthest-reaching applies: %s', (network_code) => {
    const decline_code = 'revocation_of_authorization';
    expect(classifyCard({ network: 'visa', network_code, decline_code }).consent).toBe(
      'customer_obligations',
    );
  });
});

describe('any combination of codes', () => {
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
  const runs = { numRuns: 3000 };

  test('STOP from any source wins', () => {
    fc.assert(
      fc.property(
        anyCodes,
        fc.constantFrom(...STOPS),
        fc.constantFrom('code', 'decline_code'),
        (codes, stop, field) => {
          expect(classifyCard({ ...codes, [field]: stop })).toMatchObject({ class: 'STOP' });
        },
      ),
      runs,
    );
  });

  test("the gateway's FRAUD is overridden only by a STOP", () => {
    fc.assert(
      fc.property(anyCodes, fc.constantFrom('stolen_card', 'fraudulent'), (codes, code) => {
        expect(['STOP', 'FRAUD']).toContain(classifyCard({ ...codes, code }).class);
      }),
      runs,
    );
  });

  test("'do not try again' forbids the card permanently and never leads to a retry", () => {
    fc.assert(
      fc.property(anyCodes, fc.constantFrom('03', '99', undefined), (codes, mac) => {
        const advised = mac
          ? { network: 'mastercard', network_advice_code: mac }
          : { network: 'visa', advice_code: 'do_not_try_again' };
        const decided = classifyCard({ ...codes, ...advised });
        expect(decided.neverAgain).toBe(true);
        expect(['LATER', 'TECH', 'AUTH']).not.toContain(decided.class);
      }),
      runs,
    );
  });

  test('there is always a decision with its rule, the same for the same codes', () => {
    fc.assert(
      fc.property(anyCodes, (codes) => {
        const decided = classifyCard(codes);
        expect(decided.rule).toMatch(/^[a-z]+(:[\w]+)?(\+[a-z]+:\w+)*$/);
        expect(decided).toEqual(classifyCard(codes));
        expect(decided.consent !== undefined).toBe(decided.class === 'STOP');
        if (decided.class === 'FRAUD') expect(decided).toMatchObject({ masks: true, notifyChimera: true });
      }),
      runs,
    );
  });

  test('any text is accepted as a code', () => {
    const word = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(word, word, word, (network_code, decline_code, reason) => {
        const decided = classifyCard({
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
