/** Whether an import has taken every line once or said why not: what it says, what it reports, what it left behind. */

import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { WorkflowName, workflowCaller } from '../../domain/processes.ts';
import type { Servers } from '../system.ts';
import { type Expected, TRANSACTIONS } from './customer-file.ts';
import type { Answer } from './run-import.ts';

/** What stands in the servers. */
export interface Left {
  customers: number;
  /** Of transactions of any file. */
  receipts: number;
  cards: number;
  /** Onboardings that go on after the import: those whose card must go to the gateway. */
  processes: number;
}

const COUNT = `
  MATCH (c:Customer) WITH count(c) AS customers
  MATCH (p:PaymentMethod) WITH customers, count(p) AS cards
  OPTIONAL MATCH (r:CommandReceipt {caller: $caller}) WHERE r.key STARTS WITH $transactions
  RETURN customers, cards, count(r) AS receipts`;
const PROCESSES = `WorkflowType = '${WorkflowName.onboardCustomer}'`;
/** Temporal lists what was started a little later. */
const PATIENCE = { tries: 60, everyMs: 500 };

/** @param processes how many there must be: waits until Temporal has listed them */
export async function countLeft({ graph, temporal }: Servers, processes = 0): Promise<Left> {
  const caller = workflowCaller(WorkflowName.onboardCustomer);
  const [row] = await graph.read<Omit<Left, 'processes'>>(COUNT, { caller, transactions: TRANSACTIONS });
  const none = { customers: 0, receipts: 0, cards: 0 };
  for (let tries = 1; ; tries += 1) {
    const { count } = await temporal.workflow.count(PROCESSES);
    if (count >= processes || tries === PATIENCE.tries) return { ...(row ?? none), processes: count };
    await setTimeout(PATIENCE.everyMs);
  }
}

/** @throws Error naming every count that is wrong */
export function audit(expected: Expected, found: { answer: Answer; before: Left; after: Left }): void {
  const { answer, before, after } = found;
  const { lines, customers, cards, refused } = expected;
  const taken = lines - refused.length;
  const wrong = [
    differs('lines', answer.lines, lines),
    differs('created', answer.created, customers),
    differs('recognised', answer.recognised, taken - customers),
    differs('repeated', answer.repeated, 0),
    differs('rejected', answer.rejected, refused.length),
    differs('lines in the report', reported(answer), refused),
    differs('customers', after.customers - before.customers, customers),
    differs('receipts', after.receipts - before.receipts, taken),
    differs('cards', after.cards - before.cards, cards),
    differs('processes', after.processes - before.processes, cards),
  ].flat();
  if (wrong.length > 0) throw new Error(`the import has come to something else: ${wrong.join('; ')}`);
}

function differs(what: string, is: unknown, mustBe: unknown): string[] {
  if (isDeepStrictEqual(is, mustBe)) return [];
  return [`${what}: ${JSON.stringify(is)} and not ${JSON.stringify(mustBe)}`];
}

function reported({ report }: Answer): number[] {
  if (report === undefined) return [];
  const lines = readFileSync(report, 'utf8').trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { line: number }).line);
}
