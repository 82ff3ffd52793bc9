/** Verifies that an import processed or reported every line once, from its summary, its report and the stored data. */

import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { WorkflowName, workflowCaller } from '../../domain/workflow-contracts.ts';
import type { Servers } from '../system.ts';
import { type Expected, TRANSACTIONS } from './customer-file.ts';
import type { ImportSummary } from './run-import.ts';

/** Counts of the data stored in the servers. */
export interface StoredCounts {
  customers: number;
  /** Receipts of the transactions of all files. */
  receipts: number;
  cards: number;
  /** Onboarding processes that continue after the import, because their card must be verified at the gateway. */
  processes: number;
}

const COUNT = `
  MATCH (c:Customer) WITH count(c) AS customers
  MATCH (p:PaymentMethod) WITH customers, count(p) AS cards
  OPTIONAL MATCH (r:CommandReceipt {caller: $caller}) WHERE r.key STARTS WITH $transactions
  RETURN customers, cards, count(r) AS receipts`;
const PROCESSES = `WorkflowType = '${WorkflowName.onboardCustomer}'`;
/** Temporal lists started workflows with a delay. */
const POLLING = { tries: 60, everyMs: 500 };

/** @param processes the expected number: waits until Temporal has listed that many */
export async function countStored({ graph, temporal }: Servers, processes = 0): Promise<StoredCounts> {
  const caller = workflowCaller(WorkflowName.onboardCustomer);
  const [row] = await graph.read<Omit<StoredCounts, 'processes'>>(COUNT, {
    caller,
    transactions: TRANSACTIONS,
  });
  const none = { customers: 0, receipts: 0, cards: 0 };
  for (let tries = 1; ; tries += 1) {
    const { count } = await temporal.workflow.count(PROCESSES);
    if (count >= processes || tries === POLLING.tries) return { ...(row ?? none), processes: count };
    await setTimeout(POLLING.everyMs);
  }
}

/** @throws Error naming every count that is wrong */
export function audit(
  expected: Expected,
  found: { summary: ImportSummary; before: StoredCounts; after: StoredCounts },
): void {
  const { summary, before, after } = found;
  const { lines, customers, cards, refused } = expected;
  const accepted = lines - refused.length;
  const mismatches = [
    mismatch('lines', summary.lines, lines),
    mismatch('created', summary.created, customers),
    mismatch('recognised', summary.recognised, accepted - customers),
    mismatch('repeated', summary.repeated, 0),
    mismatch('rejected', summary.rejected, refused.length),
    mismatch('lines in the report', reportedLines(summary), refused),
    mismatch('customers', after.customers - before.customers, customers),
    mismatch('receipts', after.receipts - before.receipts, accepted),
    mismatch('cards', after.cards - before.cards, cards),
    mismatch('processes', after.processes - before.processes, cards),
  ].flat();
  if (mismatches.length > 0) throw new Error(`the import has unexpected results: ${mismatches.join('; ')}`);
}

function mismatch(what: string, actual: unknown, expected: unknown): string[] {
  if (isDeepStrictEqual(actual, expected)) return [];
  return [`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`];
}

function reportedLines({ report }: ImportSummary): number[] {
  if (report === undefined) return [];
  const lines = readFileSync(report, 'utf8').trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { line: number }).line);
}
