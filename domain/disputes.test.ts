import { expect, test } from 'vitest';
import {
  type DisputeState,
  isFraudAlreadyKnown,
  isDisputed,
  isKnownFraud,
  restrictingDisputes,
  withDispute,
} from './disputes.ts';

const dispute = (state: DisputeState, reason = 'general') => ({ dispute_ref: 'du_1', reason, state });

test.each<[DisputeState, boolean]>([
  ['open', true],
  ['lost', true],
  ['won', false],
  ['warning_closed', false],
  ['early_warning', false],
])('with a dispute that is %s the method is disputed: %s', (state, disputed) => {
  expect(isDisputed(withDispute([], dispute(state)))).toBe(disputed);
});

test('each dispute is stored once and must be closed separately', () => {
  let stored = withDispute([], dispute('open'));
  stored = withDispute(stored, { dispute_ref: 'du_11', state: 'open' });
  stored = withDispute(stored, dispute('won'));
  expect(stored).toEqual(['du_11:open', 'du_1:won']);
  expect(isDisputed(stored)).toBe(true);
  expect(restrictingDisputes(stored)).toEqual([{ dispute_ref: 'du_11', state: 'open' }]);
  expect(isDisputed(withDispute(stored, { dispute_ref: 'du_11', state: 'warning_closed' }))).toBe(false);
});

test.each<[string, DisputeState, boolean]>([
  ['fraudulent', 'open', true],
  ['fraudulent', 'lost', true],
  ['fraudulent', 'won', false],
  ['fraudulent', 'warning_closed', false],
  ['product_not_received', 'lost', false],
  ['misc', 'early_warning', true],
])('a dispute with reason %s that is %s reveals fraud: %s', (reason, state, known) => {
  expect(isKnownFraud({ reason, state })).toBe(known);
});

test('each dispute reveals fraud only once', () => {
  const fraud = dispute('open', 'fraudulent');
  expect(isFraudAlreadyKnown([], fraud)).toBe(false);
  expect(isFraudAlreadyKnown(['du_11:open'], fraud)).toBe(false);
  expect(isFraudAlreadyKnown(['du_1:open'], { ...fraud, state: 'lost' })).toBe(true);
  // A closed inquiry revealed nothing and may still become a dispute.
  expect(isFraudAlreadyKnown(['du_1:warning_closed'], fraud)).toBe(false);
});
