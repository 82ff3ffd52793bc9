import { expect, test } from 'vitest';
import { createPlan, type Plan } from './plan.ts';

const SIZE = {
  obligationCount: 30,
  spreadMs: 15_000,
  victims: ['worker', 'api', 'gateway', 'neo4j', 'temporal'],
} as const;
const plans: Plan[] = Array.from({ length: 40 }, (_, seed) => createPlan({ seed, ...SIZE }));
const kindsOf = (kinds: readonly unknown[]) => [...new Set(kinds)].map(String).sort();

test('every kind of action is planned, in chronological order', () => {
  expect(kindsOf(plans.flatMap(({ actions }) => actions.map((action) => action.do)))).toEqual([
    ...[
      'cancel',
      'consent',
      'customer',
      'dispute',
      'kill',
      'news',
      'pay_otherwise',
      'pay_reported',
      'refund',
    ],
    ...['reissue', 'remove', 'report', 'report_anew', 'report_garbage', 'report_stop', 'settle'],
    ...['settle_wrongly', 'status', 'sweep', 'terminate', 'terminate_transactions', 'warn_of_fraud'],
  ]);
  for (const { actions } of plans)
    expect(actions.map(({ at }) => at)).toEqual(actions.map(({ at }) => at).sort((a, b) => a - b));
});

test('every kind of card and of gateway step is planned', () => {
  const cards = plans.flatMap(({ customers }) => customers.flat());
  expect(kindsOf(cards.map(({ ineligibility }) => ineligibility))).toEqual([
    ...['inactive', 'unconsented', 'undefined', 'unproven'],
  ]);
  expect(kindsOf(cards.map(({ type }) => type))).toEqual([
    ...['link', 'sepa_debit', 'undefined', 'us_bank_account'],
  ]);
  expect(kindsOf(cards.flatMap(({ script = [] }) => script.map((step) => step.do)))).toEqual([
    ...['approve', 'decline', 'drop_after_capture', 'drop_before_capture', 'error_500'],
    ...['hold_after_capture', 'hold_before_capture', 'processing'],
  ]);
});
