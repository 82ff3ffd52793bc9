/** Compares the graph with the gateway now, or lists the mismatches that need an operator. */

import { randomUUID } from 'node:crypto';
import {
  RECONCILIATION,
  type ReconcileInput,
  TaskQueue,
  WorkflowName,
} from '../../domain/workflow-contracts.ts';
import { MISMATCHES, UNKNOWN_HERE } from '../../domain/reconciliation/mismatches.ts';
import { counterOf, type Difference, type Totals } from '../../domain/reconciliation/totals.ts';
import { openConfiguredGraph } from '../../graph/index.ts';
import { type FoundMismatch, getMismatches, getWalletMismatches } from '../../graph/reconciliation/index.ts';
import { readCodecKeys, readGraphEnvironment } from '../../platform/environment.ts';
import { toPersonaError } from '../../temporal/failures.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { table } from '../tables.ts';
import { connect } from './operator-requests.ts';

interface Result extends Totals {
  dry_run: boolean;
  failed: string[];
  differences: Difference[];
}

/**
 * Compares every wallet and the gateway's latest records, and waits for the result; a worker on the queue
 * persona-reconciliation runs the comparison.
 * @throws CliFailure, PersonaError temporal_unavailable
 */
export async function reconcile(
  settings: Settings,
  { dryRun, printStatus }: { dryRun: boolean; printStatus(line: string): void },
): Promise<CommandResult> {
  const client = await connect(settings, readCodecKeys(settings.variables).reveal());
  const args: [ReconcileInput] = [{ all: true, ...(dryRun && { dry_run: true }) }];
  try {
    // Separate from the daily run: two that run concurrently make each correction once.
    const workflowId = `${RECONCILIATION.id}:${randomUUID()}`;
    const handle = await client.workflow.start(WorkflowName.reconcilePaymentMethods, {
      ...{ workflowId, taskQueue: TaskQueue.maintenance, args },
      workflowExecutionTimeout: RECONCILIATION.everyMs,
      staticSummary: `Compares everything with the gateway${dryRun ? ' (dry run)' : ''}`,
    });
    printStatus(`${workflowId} is comparing every wallet; it continues if this command is stopped.`);
    return toCommandResult((await handle.result()) as Result);
  } catch (error) {
    throw toPersonaError(error);
  } finally {
    await client.connection.close();
  }
}

function toCommandResult(result: Result): CommandResult {
  const { dry_run, failed, compared, corrected, listed, repaired, differences } = result;
  const lines = differences.map((difference) => `${differenceText(difference)}  ${idsText(difference)}`);
  const all = corrected + listed + repaired;
  const more = all > differences.length ? [`… and ${all - differences.length} more`] : [];
  const would = dry_run ? 'would be ' : '';
  const summary = `${compared} compared: ${corrected} ${would}corrected, ${repaired} ${would}repaired, ${listed} for an operator${dry_run ? '. Nothing was changed.' : ' (persona reconcile --list).'}`;
  const unfinished =
    failed.length > 0 ? [`Not finished: ${failed.join(', ')}. The worker's log has the reasons.`] : [];
  return {
    document: result,
    text: [...lines, ...more, summary, ...unfinished].join('\n'),
    ...(failed.length > 0 && { exitCode: ExitCode.failed }),
  };
}

function differenceText(difference: Difference): string {
  const { found, fields } = difference;
  return `${counterOf(difference)}: ${found}${fields ? ` ${fields.join(', ')}` : ''}`;
}

function idsText({ found: _, fields: __, ...ids }: Difference): string {
  return Object.entries(ids)
    .map(([name, id]) => `${name} ${id}`)
    .join('  ');
}

const PAGE = 100;

/** @throws EnvironmentError without the graph's keys; PersonaError graph_unavailable */
export async function listMismatches(settings: Settings): Promise<CommandResult> {
  const graph = openConfiguredGraph(readGraphEnvironment(settings.variables));
  try {
    const items: ListedMismatch[] = [];
    for (const mismatch of MISMATCHES) {
      let after: string | undefined = '';
      while (after !== undefined) {
        const page: FoundMismatch[] = await getMismatches(graph, { mismatch, after, limit: PAGE });
        items.push(...page);
        after = page.length < PAGE ? undefined : page.at(-1)?.payment_method_id;
      }
    }
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: { customer_id: string }[] = await getWalletMismatches(graph, { after, limit: PAGE });
      items.push(...page.map(({ customer_id }): ListedMismatch => ({ mismatch: UNKNOWN_HERE, customer_id })));
      after = page.length < PAGE ? undefined : page.at(-1)?.customer_id;
    }
    const rows = items.map((item) => [
      MISMATCH_TEXT[item.mismatch],
      item.customer_id,
      'payment_method_id' in item ? item.payment_method_id : null,
    ]);
    const empty = 'Persona and the gateway agree on every payment method.';
    return {
      document: { items },
      text: table(['the gateway', 'customer', 'payment method'], rows, empty),
    };
  } finally {
    await graph.close();
  }
}

type ListedMismatch = FoundMismatch | { mismatch: typeof UNKNOWN_HERE; customer_id: string };

const MISMATCH_TEXT: Readonly<Record<ListedMismatch['mismatch'], string>> = {
  [UNKNOWN_HERE]: 'has methods that are not in the wallet',
  unknown_there: 'does not have it',
  other_owner: 'has it attached to another customer',
  other_number: 'has different last digits',
};
