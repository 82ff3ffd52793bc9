import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { fraudReport } from '../../test/fraud-fixtures.ts';
import { testGraph, testHeader } from '../../test/test-graph.ts';
import { customerWithCards } from '../../test/wallet-fixtures.ts';
import { applyFraudOutcome, findSuspensionNoticesDue, getFraudReviews } from '../index.ts';

const policy = readPolicy();
const graph = await testGraph();

async function reportCase(outcome: 'suspected' | 'confirmed_fraud'): Promise<string> {
  const { customer_id } = await customerWithCards(graph, policy, { cards: 1 });
  const report = fraudReport({ customer_id, outcome });
  await applyFraudOutcome(graph, testHeader({ occurredAt: report.occurred_at }), report);
  return report.case_id;
}

test('reviews are paged oldest first, each on one page', async () => {
  const cases: string[] = [];
  for (let n = 0; n < 5; n++) cases.push(await reportCase('suspected'));
  const found: string[] = [];
  for (let after: Parameters<typeof getFraudReviews>[1]['after']; ; ) {
    const page = await getFraudReviews(graph, { limit: 2, ...(after && { after }) });
    found.push(...page.map(({ case_id }) => case_id));
    after = page.at(-1);
    if (page.length < 2) break;
  }
  expect(found.filter((id) => cases.includes(id))).toEqual(cases);
  expect(new Set(found).size).toBe(found.length);
});

test('due suspension notices are paged; a recent suspension is left to its own run', async () => {
  const cases: string[] = [];
  for (let n = 0; n < 3; n++) cases.push(await reportCase('confirmed_fraud'));
  const all = async (before: number) => {
    const found: unknown[] = [];
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = await findSuspensionNoticesDue(graph, { after, limit: 2, before });
      found.push(...page.due.map((item) => item.case_id));
      after = page.last;
    }
    return found;
  };
  const later = await all(Date.now() + 60_000);
  expect(later).toEqual(expect.arrayContaining(cases));
  expect(new Set(later).size).toBe(later.length);
  const now = await all(Date.now() - 60_000);
  for (const item of cases) expect(now).not.toContain(item);
});
