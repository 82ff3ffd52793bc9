import { expect, test } from 'vitest';
import type { CommandTx } from '../command-tx.ts';
import { lockObligation } from './read-obligation.ts';

/** A transaction that records the calls made on it, in order. */
function recordingTx(rows: (cypher: string) => unknown[]): { tx: CommandTx; calls: string[] } {
  const calls: string[] = [];
  const tx = {
    read: async (cypher: string) => {
      calls.push(cypher);
      return rows(cypher);
    },
    lockCustomer: async (id: string) => calls.push(`lock ${id}`),
  };
  return { tx: tx as unknown as CommandTx, calls };
}

test('only the owner of an obligation is read before the lock', async () => {
  const { tx, calls } = recordingTx(() => [{ customer_id: 'c-1', obligation: {}, attempts: [] }]);
  await lockObligation(tx, 'invoice-1');
  const [owner, lock, all] = calls;
  expect(owner).not.toContain('ChargeAttempt');
  expect(owner).toContain('RETURN o.customer_id AS customer_id');
  expect(lock).toBe('lock c-1');
  expect(all).toContain('ChargeAttempt');
});

test('no customer is locked for an unknown payment', async () => {
  const { tx, calls } = recordingTx(() => []);
  await expect(lockObligation(tx, 'invoice-1')).rejects.toMatchObject({ type: 'recovery_not_found' });
  expect(calls).toHaveLength(1);
});
