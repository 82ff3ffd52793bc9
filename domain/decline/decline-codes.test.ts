/** Checks the table against an independent transcription of the published sources: a typo in either fails here. */

import { describe, expect, test } from 'vitest';
import type { Network } from '../payment-method.ts';
import type { DeclineClass } from './classify.ts';
import { DECLINE_CLASSES } from './classes.ts';
import { classify } from './classify.ts';
import { consequencesOf } from './consequences.ts';
import type { CodeRow } from './table.ts';
import { DECLINE_TABLE, isInForce } from './table.ts';

/** Codes, class, Visa's category by code (`-`: none), flags: ! disputed, m masked, c Chimera, e expired. */
type Row = [codes: string, declineClass: DeclineClass, categories: string, flags?: string];

const CARD: Row[] = [
  ['01 02', 'LATER', '4 4'],
  ['03', 'CONFIG', '2', '!'],
  ['04', 'HARD', '1', 'm'],
  ['05', 'LATER', '4'],
  ['06 22 30 96', 'TECH', '- - - 2'],
  ['07', 'FRAUD', '1', 'mc'],
  ['12', 'HARD', '1'],
  ['13 Z5', 'LATER', '4 2'],
  ['14 56', 'HARD', '1 -'],
  ['15', 'HARD', '1'],
  ['19', 'TECH', '2'],
  ['21', 'LATER', '-'],
  ['31 91 92', 'TECH', '- 2 -'],
  ['33 54', 'FIX', '3 3', '!e'],
  ['34 59 63', 'FIX', '- 2 4', '!c'],
  ['36 62', 'HARD', '- 2', '!'],
  ['38 75', 'LATER', '- 2'],
  ['39 42 44 52 53', 'HARD', '2 - - 2 2', '!'],
  ['40 58 N3 5C 93', 'FIX', '- 4 2 2 2', '!'],
  ['41', 'FRAUD', '1', 'mc'],
  ['43', 'FRAUD', '1', 'mc'],
  ['46', 'HARD', '1'],
  ['51', 'LATER', '2'],
  ['55 86 70', 'AUTH', '3 2 4'],
  ['57', 'HARD', '1', '!'],
  ['61 65 N4', 'LATER', '2 2 2'],
  ['78', 'FIX', '2'],
  ['82', 'FIX', '3'],
  ['N7 6P', 'FIX', '3 3'],
  ['1A', 'AUTH', '4'],
  ['94 68', 'UNKNOWN', '- -'],
  ['9G', 'FIX', '2'],
  ['R0', 'STOP', '1'],
  ['R1', 'STOP', '1'],
  ['R3', 'STOP', '1'],
];
const VISA_ONLY: Row[] = [['83', 'FIX', '2', '!c']];
const MASTERCARD_ONLY: Row[] = [
  ['79', 'FIX', '-'],
  ['83', 'FIX', '-'],
];
const AMEX_ONLY: Row[] = [
  ['101', 'FIX', '-', 'e'],
  ['122 187', 'FIX', '- -'],
  ['111', 'HARD', '-'],
  ['130', 'AUTH', '-'],
  ['200', 'HARD', '-', 'm'],
  ['911 912', 'TECH', '- -'],
];
const ACH: [codes: string, declineClass: DeclineClass, consent?: string][] = [
  ['R01 R09', 'LATER'],
  ['R02 R03 R04 R12 R13 R14 R15 R16 R17 R20 R28', 'HARD'],
  ['R05 R07 R08 R10 R11 R29 R31 R51', 'STOP', 'method'],
  ['R24', 'UNKNOWN'],
];
const SEPA: [codes: string, declineClass: DeclineClass, consent?: string][] = [
  ['AM04 MS03', 'LATER'],
  ['AC01 AC04 AC06 AC13 AG01 MD07', 'HARD'],
  ['MD01 MD06', 'STOP', 'method'],
  ['MS02 SL01', 'STOP', 'obligation'],
  ['AM05', 'UNKNOWN'],
];
/** Codes that mark the card or account itself as dead, whatever the token. */
const DEAD = '04 07 14 56 15 41 43 46'.split(' ');
const DEAD_ACCOUNTS = 'R02 R03 R04 R12 R13 R14 R15 R17 R20 R28 AC01 AC04 MD07'.split(' ');
const PSP: [codes: string, declineClass: DeclineClass, flags?: string][] = [
  ['call_issuer do_not_honor no_action_taken generic_decline try_again_later', 'LATER'],
  ['invalid_amount insufficient_funds pin_try_exceeded', 'LATER'],
  ['card_velocity_exceeded withdrawal_count_limit_exceeded', 'LATER'],
  ['pickup_card', 'HARD', 'm'],
  ['incorrect_number invalid_number do_not_try_again resource_missing account_closed no_account', 'HARD'],
  ['invalid_account transaction_not_allowed restricted_card', 'HARD', '!'],
  ['bank_account_closed bank_account_invalid_details bank_account_restricted bank_account_frozen', 'HARD'],
  ['bank_account_unusable tokenized_account_number_deactivated', 'HARD'],
  ['processing_error reenter_transaction approve_with_id issuer_not_available rate_limit', 'TECH'],
  ['expired_card', 'FIX', '!e'],
  ['security_violation', 'FIX', '!c'],
  ['not_permitted service_not_allowed card_not_supported', 'FIX', '!'],
  ['new_account_information_available incorrect_cvc incorrect_zip incorrect_address', 'FIX'],
  ['invalid_expiry_month invalid_expiry_year invalid_cvc currency_not_supported', 'FIX'],
  ['payment_intent_mandate_invalid', 'FIX'],
  ['lost_card stolen_card', 'FRAUD', 'mc'],
  ['highest_risk_level merchant_blacklist fraudulent', 'FRAUD', 'mco'],
  ['incorrect_pin invalid_pin offline_pin_required online_or_offline_pin_required', 'AUTH'],
  ['authentication_required authentication_not_handled mobile_device_authentication_required', 'AUTH'],
  ['payment_intent_authentication_failure payment_intent_action_required', 'AUTH'],
  ['three_d_secure_authentication_failed three_d_secure_action_required', 'AUTH'],
  ['duplicate_transaction api_connection_error processing gateway_timeout', 'UNKNOWN'],
  ['payment_method_provider_timeout lock_timeout idempotency_key_in_use idempotency_error', 'UNKNOWN'],
  ['stop_payment_order revocation_of_authorization revocation_of_all_authorizations', 'STOP'],
  ['debit_not_authorized refer_to_customer payment_method_customer_decline', 'STOP'],
  ['cardholder_requested_stop customer_canceled_transaction recurring_mandate_cancelled', 'STOP'],
  ['testmode_decline live_mode_test_card', 'CONFIG'],
  ['gateway_config_error api_key_expired platform_api_key_expired secret_key_required', 'CONFIG'],
  ['testmode_charges_only livemode_mismatch parameter_missing parameter_unknown', 'CONFIG'],
  ['parameter_invalid_empty parameter_invalid_integer parameter_invalid_string_blank', 'CONFIG'],
  ['parameter_invalid_string_empty parameters_exclusive', 'CONFIG'],
];
const MAC: [codes: string, declineClass: DeclineClass | null, hours?: number][] = [
  ['01', 'FIX'],
  ['02', 'LATER'],
  ['03', 'HARD'],
  ['04 22', 'CONFIG'],
  ['21', 'STOP'],
  ['24', 'LATER', 1],
  ['25', 'LATER', 24],
  ['26', 'LATER', 48],
  ['27', 'LATER', 96],
  ['28', 'LATER', 144],
  ['29', 'LATER', 192],
  ['30', 'LATER', 240],
  ['05 40 41 43', null],
  ['42 99', 'HARD'],
];
const CARD_NETWORKS: Network[] = ['visa', 'mastercard', 'amex', 'discover', 'diners', 'jcb', 'unionpay'];
const SOURCE_OF_CATEGORY_1_BUT_R0 = '04 07 12 14 15 41 43 46 57 R1 R3'.split(' ');

const split = (codes: string) => codes.split(' ');
const flagged = (row: CodeRow) =>
  [
    row.disputed && '!',
    (row.masks || row.class === 'FRAUD') && 'm',
    (row.notify_chimera || row.class === 'FRAUD') && 'c',
    row.opinion && 'o',
    row.expired && 'e',
  ]
    .filter(Boolean)
    .join('');
const rowOf = (rows: readonly CodeRow[], code: string, network?: Network) =>
  rows.find(
    (row) => row.codes.includes(code) && (!network || !row.networks || row.networks.includes(network)),
  ) as CodeRow;

describe.each(CARD_NETWORKS)('%s', (network) => {
  const special = { visa: VISA_ONLY, mastercard: MASTERCARD_ONLY, amex: AMEX_ONLY }[network as string] ?? [];

  test.each([...CARD, ...special])('%s is %s', (codes, declineClass, categories, flags = '') => {
    const category = split(categories);
    split(codes).forEach((code, at) => {
      const decision = classify({ network, network_code: code }, { type: 'card' }, 0);
      expect(decision).toMatchObject({
        class: declineClass,
        rule: code === '94' ? 'duplicate' : `${network}:${code}`,
        code,
        masks: flags.includes('m'),
        notifyChimera: flags.includes('c'),
        expired: flags.includes('e'),
        neverAgain: network === 'visa' && SOURCE_OF_CATEGORY_1_BUT_R0.includes(code),
        cardDead: [...DEAD, '111', '200'].includes(code),
        unmapped: [],
      });
      const row = rowOf(DECLINE_TABLE.network_codes, code, network);
      expect(flagged(row)).toBe(flags);
      if (network === 'visa') expect(String(row.visa_category?.[code] ?? '-')).toBe(category[at]);
    });
  });
});

test('the table has no card code that is missing here', () => {
  const known = [...CARD, ...VISA_ONLY, ...MASTERCARD_ONLY, ...AMEX_ONLY].flatMap(([codes]) => split(codes));
  expect([...new Set(DECLINE_TABLE.network_codes.flatMap(({ codes }) => codes))].sort()).toEqual(
    [...new Set(known)].sort(),
  );
});

test('two categories differ for issuers in CEMEA or Europe', () => {
  const differing = DECLINE_TABLE.network_codes.flatMap((row) =>
    Object.entries(row.visa_category_cemea_europe ?? {}),
  );
  expect(differing).toEqual([
    ['70', 3],
    ['1A', 3],
  ]);
});

test("Visa's 83 forbids the card from 25 October 2026", () => {
  const on = (day: string) => classify({ network: 'visa', network_code: '83' }, {}, Date.parse(day));
  expect(on('2026-10-24T23:59:59.999Z')).toMatchObject({ class: 'FIX', rule: 'visa:83', neverAgain: false });
  expect(on('2026-10-25')).toMatchObject({ class: 'FIX', rule: 'visa:83', neverAgain: true });
});

describe.each([
  ['ach', ACH],
  ['sepa', SEPA],
] as const)('%s', (network, rows) => {
  test.each(rows)('%s is %s', (codes, declineClass, consent) => {
    for (const code of split(codes)) {
      const decision = classify({ network, network_code: code }, { type: 'bank_account' }, 0);
      const rule = declineClass === 'UNKNOWN' ? 'duplicate' : `${network}:${code}`;
      expect(decision).toMatchObject({ class: declineClass, rule, neverAgain: false });
      expect(decision.consent).toBe(consent);
      expect(decision.cardDead).toBe(DEAD_ACCOUNTS.includes(code));
      expect(consequencesOf(decision).withdrawsConsent).toBe(consent === 'method');
    }
  });

  test('the table has no other code', () => {
    const inTable = DECLINE_TABLE.bank_debit_codes.filter(({ networks }) => networks?.includes(network));
    expect(inTable.flatMap(({ codes }) => codes).sort()).toEqual(
      rows.flatMap(([codes]) => split(codes)).sort(),
    );
  });
});

describe('gateway codes', () => {
  test.each(PSP)('%s: %s', (codes, declineClass, flags = '') => {
    for (const code of split(codes)) {
      const row = rowOf(DECLINE_TABLE.psp_codes, code);
      expect({ code, flags: flagged(row) }).toEqual({ code, flags });
      for (const field of ['decline_code', 'code'] as const) {
        expect(classify({ [field]: code }, {}, 0)).toMatchObject({
          class: declineClass,
          rule: code === 'duplicate_transaction' ? 'duplicate' : `stripe:${code}`,
          code,
          masks: flags.includes('m'),
          notifyChimera: flags.includes('c'),
          expired: flags.includes('e'),
          neverAgain: false,
          unmapped: [],
        });
      }
    }
  });

  test('the table has no other code except card_declined', () => {
    const known = [...PSP.flatMap(([codes]) => split(codes)), 'card_declined'];
    expect(DECLINE_TABLE.psp_codes.flatMap(({ codes }) => codes).sort()).toEqual(known.sort());
  });

  test.each([
    ['pickup_card', true],
    ['incorrect_number', true],
    ['invalid_number', true],
    ['transaction_not_allowed', true],
    ['lost_card', true],
    ['stolen_card', true],
    ['revocation_of_authorization', true],
    ['revocation_of_all_authorizations', true],
    ['stop_payment_order', false],
    ['invalid_account', false],
    ['fraudulent', false],
    ['restricted_card', false],
  ])('on a Visa card %s forbids the card permanently: %s', (decline_code, neverAgain) => {
    expect(classify({ decline_code }, { network: 'visa' }, 0).neverAgain).toBe(neverAgain);
    expect(classify({ decline_code }, { network: 'mastercard' }, 0).neverAgain).toBe(false);
  });
});

describe('merchant advice codes', () => {
  test.each(MAC)('%s: %s', (codes, declineClass, hours) => {
    for (const code of split(codes)) {
      const decision = classify({ network: 'mastercard', network_advice_code: code }, {}, 1_000);
      expect(decision).toMatchObject({
        class: declineClass ?? 'LATER',
        rule: declineClass === null ? 'unspecified' : `mac:${code}`,
        neverAgain: ['03', '21', '99'].includes(code),
        unmapped: [],
      });
      expect(decision.notBefore).toBe(hours === undefined ? undefined : 1_000 + hours * 3_600_000);
    }
  });

  test('the table has no other code', () => {
    expect(DECLINE_TABLE.merchant_advice_codes.flatMap(({ codes }) => codes).sort()).toEqual(
      MAC.flatMap(([codes]) => split(codes)).sort(),
    );
  });

  test.each([
    ['do_not_try_again', 'HARD', true],
    ['try_again_later', 'LATER', false],
    ['confirm_card_data', 'FIX', false],
  ])("the gateway's %s is %s", (advice_code, declineClass, neverAgain) => {
    expect(classify({ advice_code }, {}, 0)).toMatchObject({
      class: declineClass,
      rule: `advice:${advice_code}`,
      neverAgain,
    });
  });
});

describe('the scope of a withdrawn consent', () => {
  test.each([
    [{ network: 'visa', network_code: 'R0' }, 'obligation'],
    [{ network: 'visa', network_code: 'R1' }, 'customer_obligations'],
    [{ network: 'visa', network_code: 'R3' }, 'method'],
    [{ network: 'mastercard', network_advice_code: '21' }, 'customer_obligations'],
    [{ decline_code: 'stop_payment_order' }, 'obligation'],
    [{ decline_code: 'revocation_of_authorization' }, 'customer_obligations'],
    [{ decline_code: 'revocation_of_all_authorizations' }, 'method'],
    [{ decline_code: 'debit_not_authorized' }, 'method'],
    [{ decline_code: 'refer_to_customer' }, 'obligation'],
    [{ decline_code: 'payment_method_customer_decline' }, 'obligation'],
    [{ decline_code: 'cardholder_requested_stop' }, 'customer_obligations'],
    [{ decline_code: 'customer_canceled_transaction' }, 'customer_obligations'],
    [{ decline_code: 'recurring_mandate_cancelled' }, 'customer_obligations'],
    [{ reason: 'Stop payment order' }, 'obligation'],
    [{ reason: 'revocation of authorization' }, 'customer_obligations'],
    [{ network: 'ach', network_code: 'R07' }, 'method'],
    [{ network: 'sepa', network_code: 'MD01' }, 'method'],
    [{ network: 'visa', network_code: '51' }, undefined],
  ] as const)('%j: %s', (codes, consent) => {
    expect(classify(codes, {}, 0).consent).toBe(consent);
  });
});

describe('text reasons', () => {
  test.each([
    ['Stolen Card', 'FRAUD', 'text:stolen_card'],
    ['declined: STOLEN_CARD', 'FRAUD', 'text:stolen_card'],
    ['card reported stolen', 'FRAUD', 'text:stolen'],
    ['LOST CARD', 'FRAUD', 'text:lost_card'],
    ['Stop payment: card stolen', 'STOP', 'text:stop_payment'],
    ['Revocation of all authorizations (lost card)', 'STOP', 'text:revocation'],
    ['Pick-up card', 'HARD', 'text:pick_up'],
    ['Hard Decline', 'HARD', 'text:hard_decline'],
    ['Gateway Timeout', 'UNKNOWN', 'text:timeout'],
    ['request timed out', 'UNKNOWN', 'text:timed_out'],
    ['Time-out', 'UNKNOWN', 'text:time_out'],
    ['no response from issuer', 'UNKNOWN', 'text:no_response'],
    ['The acquirer did not respond', 'UNKNOWN', 'text:did_not_respond'],
    ['gateway error', 'UNKNOWN', 'text:gateway_error'],
    ['HTTP 502', 'UNKNOWN', 'text:http_5xx'],
    ['HTTP/1.1 503 Service Unavailable', 'UNKNOWN', 'text:http_5xx'],
    ['http status: 500', 'UNKNOWN', 'text:http_5xx'],
    ['HTTP 402', 'LATER', 'text:other'],
    ['HTTP 5', 'LATER', 'text:other'],
    ['still Processing', 'UNKNOWN', 'text:processing'],
    ['Soft Decline', 'LATER', 'text:other'],
  ])('%s is %s', (reason, declineClass, rule) => {
    const decision = classify({ reason }, {}, 0);
    expect(decision).toMatchObject({ class: declineClass, rule, unmapped: [] });
    expect(decision.masks).toBe(declineClass === 'FRAUD' || rule === 'text:pick_up');
  });
});

describe('the table', () => {
  const rows = [
    ...DECLINE_TABLE.network_codes,
    ...DECLINE_TABLE.bank_debit_codes,
    ...DECLINE_TABLE.psp_codes,
    ...DECLINE_TABLE.merchant_advice_codes,
    ...DECLINE_TABLE.psp_advice_codes,
  ];

  test('every row has a known source and class, and refers only to its own codes', () => {
    for (const row of rows) {
      expect(DECLINE_TABLE.sources, row.meaning).toHaveProperty([row.source]);
      expect([...DECLINE_CLASSES, null]).toContain(row.class);
      for (const code of Object.keys({ ...row.visa_category, ...row.visa_category_cemea_europe }))
        expect(row.codes).toContain(code);
      expect(row.class === 'STOP').toBe(row.consent !== undefined);
      for (const day of [row.from, row.until])
        if (day !== undefined) expect(day).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    }
    for (const { consent, contains, class: declineClass } of DECLINE_TABLE.text_reasons) {
      expect(declineClass === 'STOP').toBe(consent !== undefined);
      expect(contains).toMatch(/^[a-z0-9]+( [a-z0-9]+)*$/);
    }
    for (const { source } of [...DECLINE_TABLE.ceilings, ...DECLINE_TABLE.text_reasons])
      expect(DECLINE_TABLE.sources).toHaveProperty([source]);
    expect(DECLINE_TABLE.edition).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  });

  test('no network has two rows for the same code', () => {
    const all = [...DECLINE_TABLE.network_codes, ...DECLINE_TABLE.bank_debit_codes];
    for (const day of ['2026-04-17', '2026-04-18', '2026-10-24', '2026-10-25', '2030-01-01']) {
      const keys = all
        .filter((row) => isInForce(row, Date.parse(day)))
        .flatMap(({ codes, networks = CARD_NETWORKS }) =>
          codes.flatMap((code) => networks.map((network) => `${network}:${code}`)),
        );
      expect(new Set(keys).size).toBe(keys.length);
    }
    for (const list of [DECLINE_TABLE.psp_codes, DECLINE_TABLE.merchant_advice_codes]) {
      const codes = list.flatMap((row) => row.codes);
      expect(new Set(codes).size).toBe(codes.length);
    }
  });
});
