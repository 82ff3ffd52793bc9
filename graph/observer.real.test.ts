/** What a process hears of its graph: each fact once, when it is committed. */

import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { readPolicy } from '../platform/policy.ts';
import { onboardingRequest, openTestGraph, randomEmail, testHeader } from '../test/graph.ts';
import { customerWithCards, failureOf } from '../test/wallets.ts';
import { onboard } from './index.ts';
import type { CommittedCommand } from './observer.ts';
import { closeRecovery, openRecovery } from './recovery/index.ts';

const policy = readPolicy();

test('a command is told of once, however often and however many at once repeat it; reads and failures end too', async () => {
  const committed: CommittedCommand[] = [];
  const ended: [string, unknown][] = [];
  let underWay = 0;
  const graph = await openTestGraph({
    observer: {
      started(operation) {
        underWay += 1;
        return (failure) => {
          underWay -= 1;
          ended.push([operation, failure]);
        };
      },
      repeated: () => {},
      committed: (command) => void committed.push(command),
    },
  });
  onTestFinished(() => graph.close());
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
  expect(underWay).toBe(0);
});

test('a failure says which of its codes nobody knows, and the end which class the failure was of', async () => {
  const events: CommittedCommand['events'][number][] = [];
  const graph = await openTestGraph({
    observer: {
      started: () => () => {},
      repeated: () => {},
      committed: (command) => void events.push(...command.events),
    },
  });
  onTestFinished(() => graph.close());
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const failure = failureOf(wallet, { decline_code: 'expired_card', code: 'as_yet_unheard_of' });
  const { payment_id } = failure;
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  await closeRecovery(graph, testHeader(), { payment_id, outcome: 'exhausted', rule: 'window_over' });
  const dataOf = (wanted: string) => events.find(({ type }) => type === wanted)?.data;
  expect(dataOf('RecoveryAttempted')).toMatchObject({ class: 'FIX', unmapped: ['code:as_yet_unheard_of'] });
  expect(dataOf('RecoveryClosed')).toMatchObject({ state: 'exhausted', class: 'FIX' });
});
