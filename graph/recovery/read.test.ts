import { expect, test } from 'vitest';
import type { CommandTx } from '../command-tx.ts';
import { lockObligation } from './read.ts';

/** A transaction that tells what was asked of it, in order. */
function tellingTx(rows: (cypher: string) => unknown[]): { tx: CommandTx; asked: string[] } {
  const asked: string[] = [];
  const tx = {
    read: async (cypher: string) => {
      asked.push(cypher);
      return rows(cypher);
    },
    lockCustomer: async (id: string) => asked.push(`lock ${id}`),
  };
  return { tx: tx as unknown as CommandTx, asked };
}

test('before its lock nothing is read of an obligation but whose it is', async () => {
  const { tx, asked } = tellingTx(() => [{ customer_id: 'c-1', obligation: {}, attempts: [] }]);
  await lockObligation(tx, 'invoice-1');
  const [owner, lock, all] = asked;
  expect(owner).not.toContain('ChargeAttempt');
  expect(owner).toContain('RETURN o.customer_id AS customer_id');
  expect(lock).toBe('lock c-1');
  expect(all).toContain('ChargeAttempt');
});

test('nobody is locked for a payment that nobody knows', async () => {
  const { tx, asked } = tellingTx(() => []);
  await expect(lockObligation(tx, 'invoice-1')).rejects.toMatchObject({ type: 'recovery_not_found' });
  expect(asked).toHaveLength(1);
});
