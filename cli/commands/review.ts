/** Lists what awaits an operator, and sends an operator's decision about suspected fraud. */

import type { Policy } from '../../domain/policy.ts';
import type { OperatorRequest } from '../../domain/workflow-contracts.ts';
import type { ReviewDecision } from '../../domain/fraud/messages.ts';
import { findRunningErasures } from '../../graph/erasure/index.ts';
import {
  findNewestFraudCase,
  type FraudReview,
  getCustomer,
  getFraudReviews,
  getOpenContests,
  type Graph,
  openConfiguredGraph,
  type OpenContest,
  requireFraudCase,
} from '../../graph/index.ts';
import {
  getPendingReviews,
  getUnresolvedChargesOfClosed,
  type PendingReview,
} from '../../graph/recovery/index.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { readCursor, refuseCursor, writeCursor } from '../../services/pages.ts';
import { signalWithStartFraudCase } from '../../temporal/workflow-client.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { moneyText, table, timeText } from '../tables.ts';
import type { PageOptions } from './customers.ts';
import { connectForSignals } from './operator-requests.ts';

type ReviewItem =
  | { kind: 'erasure'; erasure_id: string; requested_at: string; waiting_for: readonly string[] }
  | ({ kind: 'fraud_case' } & FraudReview)
  | ({ kind: 'contest' } & OpenContest)
  | ({ kind: 'charge_unresolved'; attempt_key: string } & Omit<PendingReview, 'attempt_key'>)
  | ({ kind: 'recovery' } & Omit<PendingReview, 'attempt_key'>);

/** Kinds are listed one after the other; `position`: that of the last item of the previous page. */
interface Section {
  name: string;
  read(
    position: readonly string[] | undefined,
    limit: number,
  ): Promise<{ item: ReviewItem; position: string[] }[]>;
}

const DEFAULT_LIMIT = 100;

/**
 * Everything that awaits an operator: suspected fraud, the oldest first; recoveries under review, by rule; the unresolved
 * charges of recoveries under review and of closed ones; contests, the oldest first; and overdue erasures.
 * @throws EnvironmentError without the graph's keys; PersonaError invalid_argument (the cursor), graph_unavailable
 */
export async function listReviews(
  settings: Settings,
  { limit, cursor }: PageOptions,
): Promise<CommandResult> {
  const policy = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  return withGraph(settings, async (graph) => {
    const page = await readPage(sectionsOf(graph, policy), Number(limit ?? DEFAULT_LIMIT), cursor);
    const rows = page.items.map(rowOf);
    const headings = ['kind', 'id', 'customer', 'since (UTC)', 'reason', 'decide with'];
    const more = page.next_cursor ? `\nNext page: --cursor ${page.next_cursor}` : '';
    return { document: page, text: table(headings, rows, 'Nothing awaits an operator.') + more };
  });
}

async function readPage(sections: readonly Section[], limit: number, cursor: string | undefined) {
  const [name, ...position] = cursor === undefined ? [] : readCursor(cursor);
  let sectionIndex = name === undefined ? 0 : sections.findIndex((one) => one.name === name);
  if (sectionIndex < 0) refuseCursor();
  let after = name === undefined ? undefined : position;
  const items: ReviewItem[] = [];
  for (; sectionIndex < sections.length; sectionIndex++, after = undefined) {
    const entry = sections[sectionIndex] as Section;
    // One more than fits, to learn whether there is a next page.
    const found = await entry.read(after, limit - items.length + 1);
    const pageItems = found.slice(0, limit - items.length);
    items.push(...pageItems.map(({ item }) => item));
    if (found.length > pageItems.length) {
      const last = pageItems.at(-1)?.position ?? after;
      // Without a position the next page starts with the first item of this kind.
      return { items, next_cursor: writeCursor([entry.name, ...(last ?? [])]) };
    }
  }
  return { items, next_cursor: null };
}

function sectionsOf(graph: Graph, { recovery, privacy }: Pick<Policy, 'recovery' | 'privacy'>): Section[] {
  const now = Date.now();
  const asked = { unknown: now - sum(recovery.unknown), pending: now - sum(recovery.pending) };
  return [
    {
      name: 'fraud',
      async read([since, case_id] = [], limit) {
        if (since !== undefined && Number.isNaN(Date.parse(since))) refuseCursor();
        const after = since === undefined ? undefined : { since, case_id: case_id ?? '' };
        const found = await getFraudReviews(graph, { limit, ...(after && { after }) });
        return found.map((one) => ({
          item: { kind: 'fraud_case', ...one },
          position: [one.since, one.case_id],
        }));
      },
    },
    {
      name: 'review',
      async read([rule, payment_id] = [], limit) {
        const after = rule === undefined ? undefined : { rule, payment_id: payment_id ?? '' };
        const found = await getPendingReviews(graph, { limit, ...(after && { after }) });
        return found.map((one) => ({ item: toReviewItem(one), position: [one.rule, one.payment_id] }));
      },
    },
    {
      name: 'doubt',
      async read([after = ''] = [], limit) {
        const found = await getUnresolvedChargesOfClosed(graph, { after, limit, asked });
        return found.map((one) => ({ item: toReviewItem(one), position: [one.attempt_key ?? ''] }));
      },
    },
    {
      name: 'contests',
      async read([since, contest_id] = [], limit) {
        if (since !== undefined && Number.isNaN(Date.parse(since))) refuseCursor();
        const after = since === undefined ? undefined : { since, contest_id: contest_id ?? '' };
        const found = await getOpenContests(graph, { limit, ...(after && { after }) });
        return found.map((one) => ({
          item: { kind: 'contest', ...one },
          position: [one.since, one.contest_id],
        }));
      },
    },
    {
      name: 'erasures',
      async read([after = ''] = [], limit) {
        const found = await findRunningErasures(graph, { after, limit, before: now - privacy.deadline });
        return found.map(({ erasure_id, requested_at, waiting_for }) => ({
          item: { kind: 'erasure', erasure_id, requested_at, waiting_for },
          position: [erasure_id],
        }));
      },
    },
  ];
}

function toReviewItem({ attempt_key, ...entry }: PendingReview): ReviewItem {
  return attempt_key === null
    ? { kind: 'recovery', ...entry }
    : { kind: 'charge_unresolved', attempt_key, ...entry };
}

function rowOf(item: ReviewItem): (string | null)[] {
  if (item.kind === 'fraud_case') {
    const { case_id, customer_id, since, reason } = item;
    return ['fraud', case_id, customer_id, timeText(since), reason, `review ${case_id} suspend|clear`];
  }
  if (item.kind === 'contest') {
    const { contest_id, customer_id, since, event_type } = item;
    return ['contest', contest_id, customer_id, timeText(since), event_type, `contests show ${contest_id}`];
  }
  if (item.kind === 'erasure') {
    const { erasure_id, requested_at, waiting_for } = item;
    const reason = `overdue, waits for: ${waiting_for.join(', ') || 'nothing'}`;
    return ['erasure', erasure_id, null, timeText(requested_at), reason, 'erasures list'];
  }
  const { payment_id, customer_id, opened_at, rule, amount, currency } = item;
  const which = `${payment_id} (${moneyText(amount, currency)})`;
  const decide =
    item.kind === 'charge_unresolved'
      ? `resolve ${payment_id} --attempt ${item.attempt_key}`
      : `retry|cancel ${payment_id}`;
  const what = item.kind === 'charge_unresolved' ? 'unresolved charge' : 'recovery';
  return [what, which, customer_id, timeText(opened_at), rule, decide];
}

/**
 * Signals the decision about suspected fraud to its case.
 * @throws PersonaError fraud_case_not_found, graph_unavailable, temporal_unavailable; EnvironmentError without the keys
 */
export async function review(
  settings: Settings,
  case_id: string,
  decision: ReviewDecision['decision'],
  operatorRequest: OperatorRequest,
): Promise<CommandResult> {
  const { review: open } = await withGraph(settings, (graph) => requireFraudCase(graph, case_id));
  if (!open) {
    const text = `Case ${case_id} is not under review: it was decided, or a later outcome ended its review.`;
    return { document: { case_id, signalled: false }, text, exitCode: ExitCode.failed };
  }
  const workflow_id = await sendSignal(settings, case_id, 'reviewDecision', { decision, ...operatorRequest });
  const text = `Case ${case_id} was signalled to ${decision} the ${decision === 'suspend' ? 'customer' : 'suspicion'}.`;
  return { document: { case_id, signalled: true, workflow_id, decision }, text };
}

/**
 * Makes a suspended customer active again.
 * @throws PersonaError customer_not_found, graph_unavailable, temporal_unavailable; EnvironmentError without the keys
 */
export async function reinstate(
  settings: Settings,
  customer_id: string,
  operatorRequest: OperatorRequest,
): Promise<CommandResult> {
  const [customer, case_id] = await withGraph(settings, (graph) =>
    Promise.all([getCustomer(graph, { customer_id }), findNewestFraudCase(graph, { customer_id })]),
  );
  if (customer.status !== 'suspended' || case_id === undefined) {
    const why = customer.status === 'suspended' ? 'has no fraud case' : `is ${customer.status}`;
    const text = `Customer ${customer_id} ${why}: there is nothing to reinstate.`;
    return { document: { customer_id, signalled: false }, text, exitCode: ExitCode.failed };
  }
  const workflow_id = await sendSignal(settings, case_id, 'reinstate', operatorRequest);
  return {
    document: { customer_id, signalled: true, workflow_id },
    text: `Customer ${customer_id} is being reinstated.`,
  };
}

/** Starts the case's run again if it has ended or was lost. */
async function sendSignal<Name extends 'reviewDecision' | 'reinstate'>(
  settings: Settings,
  case_id: string,
  name: Name,
  payload: Parameters<typeof signalWithStartFraudCase<Name>>[3],
): Promise<string> {
  const client = await connectForSignals(settings);
  try {
    return await signalWithStartFraudCase(client, case_id, name, payload);
  } finally {
    await client.connection.close();
  }
}

async function withGraph<T>(settings: Settings, work: (graph: Graph) => Promise<T>): Promise<T> {
  const graph = openConfiguredGraph(readGraphEnvironment(settings.variables));
  try {
    return await work(graph);
  } finally {
    await graph.close();
  }
}

const sum = (durations: readonly number[]) => durations.reduce((total, one) => total + one, 0);
