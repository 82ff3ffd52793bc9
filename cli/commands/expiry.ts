/** Cards whose month ends: sees to them now, or rehearses a day (docs/decisions/0132). */

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
 * Has the monitor look at every card now, and waits for what comes of it; a run that was begun like this and goes on is
 * joined. Beside the schedule's run it does nothing twice.
 * @param printStatus hears which run it is: it goes on whether or not somebody waits
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
    printStatus(`${workflow_id} looks at the cards; it goes on also if this command is stopped.`);
    const found = await result();
    const { scanned, notified, updated, expired, failed, failed_ids, took_ms } = found;
    const text = [
      fields([
        ['cards looked at', scanned],
        ['customers notified', notified],
        ['cards updated', updated],
        ['cards expired', expired],
        ['failed', failed],
        ['took', `${(took_ms / 1000).toFixed(1)} s`],
      ]),
      ...(failed > 0 ? [`The next run tries again, among others: ${failed_ids.join(', ')}`] : []),
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
/** More rows than this help nobody; all are counted. */
const MAX_LISTED = 1_000;

interface DryRunItem {
  payment_method_id: string;
  customer_id: string;
  expires_on: string;
  stage: string;
}

/**
 * What a run on that day would do with the cards as they are now. Sends and writes nothing, and leaves the gateway alone.
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
  const listing = table(['payment method', 'customer', 'last day', 'would be'], rows, '');
  const omitted = notices + expired - items.length;
  return {
    document: { as_of: day, scanned, notices, expired, items },
    text: [
      ...(listing === '' ? [] : [listing]),
      ...(omitted > 0 ? [`… and ${omitted} more`] : []),
      `Of ${scanned} cards, ${notices} would have a notice on ${day}, and ${expired} would expire, unless the gateway has newer details. Nothing was sent or changed, and the gateway was not asked.`,
    ].join('\n'),
  };
}
