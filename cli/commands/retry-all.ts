/** Retries every recovery that is under review by one rule, at a bounded rate (docs/decisions/19-cancellation-and-review.md). */

import { WorkflowNotFoundError } from '@temporalio/client';
import { type OperatorRequest, recoveryWorkflowId } from '../../domain/workflow-contracts.ts';
import { type Graph, openConfiguredGraph } from '../../graph/index.ts';
import { countInReview, getInReview, type ObligationInReview } from '../../graph/recovery/index.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { toPersonaError } from '../../temporal/failures.ts';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import { rateLimited } from '../rate-limited.ts';
import type { Settings } from '../settings.ts';
import { moneyText, table, timeText } from '../tables.ts';
import { connectForSignals } from './operator-requests.ts';

const PAGE = 100;

export interface RetryAllOptions {
  rule: string;
  /** Only lists the recoveries. */
  dryRun: boolean;
  perSecond: number;
  operatorRequest: OperatorRequest;
  /** Receives the number of recoveries before the first one is signalled. */
  printStatus(line: string): void;
}

/**
 * Run again after it was killed, it resumes: a recovery that was retried is no longer under review, and one whose rule
 * has changed meanwhile ignores the request.
 * @throws CliFailure; EnvironmentError without the graph's keys; PersonaError graph_unavailable, temporal_unavailable
 */
export async function retryAll(settings: Settings, options: RetryAllOptions): Promise<CommandResult> {
  const { gateway } = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  if (options.perSecond > gateway.maxPerSecond) {
    const message = `--per-second must be at most ${gateway.maxPerSecond} (policy gateway.maxPerSecond)`;
    throw new CliFailure(ExitCode.usageError, message);
  }
  const graph = openConfiguredGraph(readGraphEnvironment(settings.variables));
  try {
    return options.dryRun ? await list(graph, options) : await signalAll(settings, graph, options);
  } finally {
    await graph.close();
  }
}

async function list(graph: Graph, { rule }: RetryAllOptions): Promise<CommandResult> {
  const items: ObligationInReview[] = [];
  for await (const item of inReview(graph, rule)) items.push(item);
  const rows = items.map(({ payment_id, customer_id, amount, currency, opened_at }) => [
    payment_id,
    customer_id,
    moneyText(amount, currency),
    timeText(opened_at),
  ]);
  const text = [
    table(['payment', 'customer', 'amount', 'opened (UTC)'], rows, ''),
    `${countText(items.length, rule)}. Nothing was changed.`,
  ];
  return {
    document: { rule, dry_run: true, found: items.length, items },
    text: text.filter((line) => line !== '').join('\n'),
  };
}

async function signalAll(
  settings: Settings,
  graph: Graph,
  { rule, perSecond, operatorRequest, printStatus }: RetryAllOptions,
): Promise<CommandResult> {
  const found = await countInReview(graph, rule);
  printStatus(`${countText(found, rule)}${found > 0 ? `; retrying ${perSecond} per second` : ''}.`);
  const client = await connectForSignals(settings);
  let signalled = 0;
  const without_run: string[] = [];
  try {
    for await (const { payment_id } of rateLimited(inReview(graph, rule), perSecond)) {
      try {
        const handle = client.workflow.getHandle(recoveryWorkflowId(payment_id));
        await handle.signal('retryNow', { ...operatorRequest, rule });
        signalled++;
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw toPersonaError(error);
        without_run.push(payment_id);
      }
    }
  } finally {
    await client.connection.close();
  }
  const withoutRunText =
    without_run.length === 0
      ? ''
      : ` ${without_run.length} have no run: ${without_run.join(', ')}. The sweep starts their runs within ten minutes; run this command again then.`;
  return {
    document: { rule, dry_run: false, found, signalled, without_run },
    text: `${signalled} of ${found} were signalled to retry.${withoutRunText}`,
    ...(without_run.length > 0 && { exitCode: ExitCode.failed }),
  };
}

async function* inReview(graph: Graph, rule: string): AsyncGenerator<ObligationInReview> {
  let after = '';
  for (;;) {
    const page = await getInReview(graph, { rule, after, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.payment_id;
  }
}

function countText(found: number, rule: string): string {
  const payments = found === 1 ? '1 payment is' : `${found} payments are`;
  return `${payments} under review by rule ${rule}`;
}
