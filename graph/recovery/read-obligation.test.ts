import { expect, test } from 'vitest';
import type { CommandTx } from '../command-tx.ts';
import { lockObligation } from './read-obligation.ts';

/** A transaction that tells what was asked of it, in order. */
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

test('before its lock nothing is read of an obligation but whose it is', async () => {
  const { tx, calls } = recordingTx(() => [{ customer_id: 'c-1', obligation: {}, attempts: [] }]);
  await lockObligation(tx, 'invoice-1');
  const [owner, lock, all] = calls;
  expect(owner).not.toContain('ChargeAttempt');
  expect(owner).toContain('RETURN o.customer_id AS customer_id');
  expect(lock).toBe('lock c-1');
  expect(all).toContain('ChargeAttempt');
});

test('nobody is locked for a payment that nobody knows', async () => {
  const { tx, calls } = recordingTx(() => []);
  await expect(lockObligation(tx, 'invoice-1')).rejects.toMatchObject({ type: 'recovery_not_found' });
  expect(calls).toHaveLength(1);
});
