/** Runs the expiry monitor now, or simulates its run on a given day (docs/decisions/10-card-expiry.md). */

import { startOfDay } from '../../domain/expiry/calendar.ts';
import { dueStage, type ExpiryScan } from '../../domain/expiry/candidates.ts';
import { type ExpiryCursor, getExpiringPaymentMethods, openConfiguredGraph } from '../../graph/index.ts';
import { readCodecKeys, readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { runExpiryMonitor } from '../../temporal/workflow-client.ts';
import type { ExpiryResult } from '../../workflows/monitor-expiring-cards.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { fields, table } from '../tables.ts';
import { connect } from './operator-requests.ts';

/**
 * Runs the monitor over every card and waits for the result; joins a run that was started this way and has not ended.
 * Next to the scheduled run nothing is done twice.
 * @param printStatus receives the run's id: the run continues even if this command is stopped
 * @throws CliFailure; EnvironmentError without the key of Temporal's payloads; PersonaError temporal_unavailable
 */
export async function runExpiry(
  settings: Settings,
  printStatus: (line: string) => void,
): Promise<CommandResult> {
  // The result is encrypted.
  const client = await connect(settings, readCodecKeys(settings.variables).reveal());
  try {
    const { workflow_id, result } = await runExpiryMonitor<ExpiryResult>(client);
    printStatus(`${workflow_id} is running; it continues if this command is stopped.`);
    const found = await result();
    const { scanned, notified, updated, expired, failed, failed_ids, took_ms } = found;
    const text = [
      fields([
        ['cards scanned', scanned],
        ['customers notified', notified],
        ['cards updated', updated],
        ['cards expired', expired],
        ['failed', failed],
        ['took', `${(took_ms / 1000).toFixed(1)} s`],
      ]),
      ...(failed > 0
        ? [`Failed cards are retried by the next run. Some of them: ${failed_ids.join(', ')}`]
        : []),
    ];
    return {
      document: { workflow_id, ...found },
      text: text.join('\n'),
      ...(failed > 0 && { exitCode: ExitCode.failed }),
    };
  } finally {
    await client.connection.close();
  }
}

const PAGE = 1_000;
/** Rows beyond this are counted, but not listed. */
const MAX_LISTED = 1_000;

interface DryRunItem {
  payment_method_id: string;
  customer_id: string;
  expires_on: string;
  stage: string;
}

/**
 * What a run on that day would do with the cards in their present state. Sends and writes nothing; no call to the gateway.
 * @param day `YYYY-MM-DD`
 * @throws EnvironmentError without the graph's keys; PersonaError graph_unavailable
 */
export async function dryRunExpiry(settings: Settings, day: string): Promise<CommandResult> {
  const { expiry } = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  const { stages, frequentUseCount: frequent_use_count } = expiry;
  const scan: ExpiryScan = { now: startOfDay(day), stages, frequent_use_count };
  const graph = openConfiguredGraph(readGraphEnvironment(settings.variables));
  const items: DryRunItem[] = [];
  let [scanned, notices, expired] = [0, 0, 0];
  try {
    let after: ExpiryCursor | undefined;
    do {
      const page = await getExpiringPaymentMethods(graph, { scan, limit: PAGE, ...(after && { after }) });
      scanned += page.scanned;
      for (const card of page.cards) {
        const stage = dueStage(card, scan);
        if (stage === undefined || card.customer_id === null) continue;
        if (stage === 'card_expired') expired++;
        else notices++;
        const { payment_method_id, customer_id, expires_on } = card;
        if (items.length < MAX_LISTED) items.push({ payment_method_id, customer_id, expires_on, stage });
      }
      after = page.next;
    } while (after !== undefined);
  } finally {
    await graph.close();
  }
  const rows = items.map(({ payment_method_id, customer_id, expires_on, stage }) => [
    payment_method_id,
    customer_id,
    expires_on,
    stage,
  ]);
  const listing = table(['payment method', 'customer', 'last day', 'stage'], rows, '');
  const omitted = notices + expired - items.length;
  return {
    document: { as_of: day, scanned, notices, expired, items },
    text: [
      ...(listing === '' ? [] : [listing]),
      ...(omitted > 0 ? [`… and ${omitted} more`] : []),
      `Of ${scanned} cards, ${notices} would trigger a notice on ${day} and ${expired} would expire, unless the gateway has newer details. Nothing was sent or changed, and the gateway was not called.`,
    ].join('\n'),
  };
}
