/** What the observer of a process's graph receives: each command once, when it is committed. */

import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { observeGraph } from '../../platform/graph-observer.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  verifyAndClose,
  onboardingRequest,
  openTestGraph,
  randomEmail,
  randomToken,
  testHeader,
} from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import { addPaymentMethod, onboard, recordVerification } from '../index.ts';
import { closeRecovery, openRecovery } from '../recovery/index.ts';
import type { CommittedCommand } from './observer.ts';

const policy = readPolicy();

test('a command is observed once, however often it is repeated concurrently; reads and failures are observed too', async () => {
  const committed: CommittedCommand[] = [];
  const ended: [string, unknown][] = [];
  let inProgress = 0;
  const graph = await openTestGraph({
    observer: {
      started(operation) {
        inProgress += 1;
        return (failure) => {
          inProgress -= 1;
          ended.push([operation, failure]);
        };
      },
      retried: () => {},
      committed: (command) => void committed.push(command),
    },
  });
  onTestFinished(() => verifyAndClose(graph));
  const request = onboardingRequest({
    digital_identifiers: [{ type: 'email', value: randomEmail(), is_verified: true }],
  });
  const header = testHeader({ idempotencyKey: request.transaction_id });
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => onboard(graph, header, { request, policy })),
  );
  expect(committed).toHaveLength(1);
  expect(committed[0]).toMatchObject({ name: 'onboard', result: answers[0] });
  expect(committed[0]?.events.map(({ type }) => type)).toContain('CustomerCreated');
  expect(ended.filter(([operation]) => operation === 'onboard')).toHaveLength(8);

  const other = { ...request, transaction_id: request.transaction_id, gateway_customer_ref: randomUUID() };
  const refused = await onboard(graph, header, { request: other, policy }).catch((error: unknown) => error);
  await expect(graph.read('THIS IS NO CYPHER')).rejects.toMatchObject({ type: 'internal' });
  expect(ended.slice(-2)).toEqual([
    ['onboard', refused],
    ['read', expect.objectContaining({ type: 'internal' })],
  ]);
  expect(committed).toHaveLength(1);
  expect(inProgress).toBe(0);
});

test('a failure records its unmapped codes, and the end of the recovery its decline class', async () => {
  const events: CommittedCommand['events'][number][] = [];
  const graph = await openTestGraph({
    observer: {
      started: () => () => {},
      retried: () => {},
      committed: (command) => void events.push(...command.events),
    },
  });
  onTestFinished(() => verifyAndClose(graph));
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const failure = failureOf(wallet, { decline_code: 'expired_card', code: 'as_yet_unheard_of' });
  const { payment_id } = failure;
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  await closeRecovery(graph, testHeader(), { payment_id, outcome: 'exhausted', rule: 'window_over' });
  const dataOf = (wanted: string) => events.find(({ type }) => type === wanted)?.data;
  expect(dataOf('RecoveryAttempted')).toMatchObject({ class: 'FIX', unmapped: ['code:as_yet_unheard_of'] });
  expect(dataOf('RecoveryClosed')).toMatchObject({ state: 'exhausted', class: 'FIX' });
});

test('a payment method whose token belongs to another customer is counted, for every command that adds one', async () => {
  const registry = new Registry();
  const observer = observeGraph(registry, pino({ level: 'silent' }), {
    connections: 10,
    logContext: () => ({}),
    onCommitted: () => {},
  });
  const graph = await openTestGraph({ observer });
  onTestFinished(() => verifyAndClose(graph));
  const onboardToken = async (token: string) => {
    const request = onboardingRequest({ payment_method_details: { type: 'card', token } });
    return onboard(graph, testHeader(), { request, policy });
  };
  const token = randomToken();
  await onboardToken(token);
  const own = await onboardToken(randomToken());
  expect(await countedTokens(registry)).toEqual([]);

  const { customer_id, warnings } = await onboardToken(token);
  expect(warnings).toEqual(['token_belongs_to_other_customer']);
  const method = { type: 'card' as const, token };
  const input = { customer_id, method, added_by: 'service' as const };
  for (const _ of ['first', 'second'])
    await expect(addPaymentMethod(graph, testHeader(), input)).rejects.toMatchObject({
      type: 'token_belongs_to_other_customer',
    });
  await recordVerification(graph, testHeader(), {
    customer_id: own.customer_id,
    payment_method_id: String(own.payment_method_id),
    answer: { result: 'attached', method },
  });
  expect(await countedTokens(registry)).toEqual([
    [{ command: 'onboard' }, 1],
    [{ command: 'addPaymentMethod' }, 2],
    [{ command: 'recordVerification' }, 1],
  ]);
});

async function countedTokens(registry: Registry) {
  const metric = await registry.getSingleMetric('persona_tokens_of_other_customers_total')?.get();
  return metric?.values.map(({ labels, value }) => [labels, value]);
}
