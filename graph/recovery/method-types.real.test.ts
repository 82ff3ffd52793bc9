/** Methods of every type in one wallet: each is charged by its own type, and only in a currency that it supports. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GatewayPaymentMethod } from '../../domain/ports.ts';
import { attemptKey } from '../../domain/workflow-contracts.ts';
import { readPolicy } from '../../platform/policy.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import type { Graph } from '../graph.ts';
import { claimAttempt, getChargeOrder, openRecovery } from './index.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(() => verifyAndClose(graph));

const WALLET: Record<string, Partial<GatewayPaymentMethod>> = {
  failed: { gateway_type: 'card' },
  card: { gateway_type: 'card' },
  link: { type: 'digital_wallet', gateway_type: 'link' },
  sepa: { type: 'bank_account', network: 'sepa', gateway_type: 'sepa_debit' },
  bacs: { type: 'bank_account', gateway_type: 'bacs_debit' },
  ach: { type: 'bank_account', network: 'ach', gateway_type: 'us_bank_account' },
};

test.each([
  ['USD', 'card', 'card'],
  ['USD', 'link', 'link'],
  ['USD', 'ach', 'us_bank_account'],
  ['USD', 'sepa', undefined],
  ['USD', 'bacs', undefined],
  ['EUR', 'sepa', 'sepa_debit'],
  ['EUR', 'ach', undefined],
  ['GBP', 'bacs', 'bacs_debit'],
  ['GBP', 'card', 'card'],
])('%s with a %s is charged as %s', async (currency, which, payment_method_type) => {
  const details = Object.values(WALLET);
  const wallet = await customerWithCards(graph, policy, { cards: details.length, details });
  const failure = failureOf(wallet, { currency });
  const { payment_id } = failure;
  const header = testHeader({ occurredAt: failure.occurred_at });
  await openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
  const payment_method_id = wallet.methods[Object.keys(WALLET).indexOf(which)] as string;
  const key = attemptKey(payment_id, payment_method_id, 1);
  const claimInput = { payment_id, payment_method_id, key, n: 1, policy, now: Date.now() };
  const claim = await claimAttempt(graph, testHeader(), claimInput);
  if (payment_method_type === undefined) {
    expect(claim).toEqual({ result: 'refused', rule: 'currency_not_supported' });
    return;
  }
  expect(claim).toMatchObject({ result: 'claimed' });
  const { charge } = await getChargeOrder(graph, { key, payment_id });
  expect(charge.payment_method_type).toBe(payment_method_type);
});
