/** Lists, shows and decides what customers contest. */

import {
  type ContestDecision,
  type Correction,
  correctionMessage,
  parseContestId,
  removalOf,
  validateContestDecision,
} from '../../domain/contests.ts';
import { PersonaError, validationError } from '../../domain/errors.ts';
import {
  getContestForReview,
  getEventDetails,
  getOpenContests,
  type Graph,
  openConfiguredGraph,
} from '../../graph/index.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { readCursor, refuseCursor, writeCursor } from '../../services/pages.ts';
import { decideContest as signalDecision } from '../../temporal/workflow-client.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { fields, table, timeText } from '../tables.ts';
import type { PageOptions } from './customers.ts';
import { connectForSignals } from './operator-requests.ts';

const DEFAULT_LIMIT = 100;

/** Those that await a decision, oldest first. @throws PersonaError invalid_argument (the cursor), graph_unavailable */
export async function listContests(
  settings: Settings,
  { limit, cursor }: PageOptions,
): Promise<CommandResult> {
  const { privacy } = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  const after = cursor === undefined ? undefined : readPosition(cursor);
  const size = Number(limit ?? DEFAULT_LIMIT);
  const found = await withGraph(settings, (graph) =>
    getOpenContests(graph, { limit: size + 1, ...(after && { after }) }),
  );
  const isOverdue = (since: string) => Date.parse(since) + privacy.deadline <= Date.now();
  const items = found.slice(0, size).map((one) => ({ ...one, overdue: isOverdue(one.since) }));
  const last = found.length > size ? items.at(-1) : undefined;
  const next_cursor = last ? writeCursor([last.since, last.contest_id]) : null;
  const rows = items.map(({ contest_id, opened_seq, event_type, since, overdue }) => [
    contest_id,
    `${opened_seq}`,
    event_type,
    `${timeText(since)}${overdue ? ' (overdue)' : ''}`,
  ]);
  const more = next_cursor === null ? '' : `\nNext page: --cursor ${next_cursor}`;
  const text =
    table(['contest', 'opening', 'event', 'since (UTC)'], rows, 'No contest awaits a decision.') + more;
  return { document: { items, next_cursor }, text };
}

function readPosition(cursor: string): { since: string; contest_id: string } {
  const [since = '', contest_id = '', ...more] = readCursor(cursor);
  if (Number.isNaN(Date.parse(since)) || more.length > 0) refuseCursor();
  return { since, contest_id };
}

/**
 * A contest with the event that it is about, as its customer sees both.
 * @throws PersonaError contest_not_found, graph_unavailable; EnvironmentError without the graph's keys
 */
export async function showContest(settings: Settings, contest_id: string): Promise<CommandResult> {
  return withGraph(settings, async (graph) => {
    const { event_type, opened_seq, removal } = await requireContest(graph, contest_id);
    const { customer_id, seq } = idsOf(contest_id);
    const [event] = await getEventDetails(graph, { customer_id, after: seq - 1, limit: 1 });
    const contest = event?.contest;
    if (event === undefined || contest === undefined) throw notFound(contest_id);
    const text = fields([
      ['contest', contest_id],
      ['customer', customer_id],
      ['state', contest.state],
      ['opening', `${opened_seq}, ${timeText(contest.opened_at)}`],
      ['reason', contest.reason],
      ['explanation', contest.explanation],
      ['event', `${seq}, ${event_type}, ${timeText(event.occurred_at)}`],
      ['shown as', event.text],
      ['data', event.data && JSON.stringify(event.data)],
      ['upholding removes', removal && textOf(removal)],
    ]);
    const { contest: _, ...shown } = event;
    return {
      document: { ...contest, opened_seq, customer_id, event_type, event: shown, removal: removal ?? null },
      text,
    };
  });
}

/**
 * Sends a decision to the process of a contest, about the opening that is open now. Without corrections, upholding
 * removes what the event linked.
 * @throws PersonaError contest_not_found, invalid_argument, graph_unavailable, temporal_unavailable; EnvironmentError
 */
export async function decideContest(
  settings: Settings,
  contest_id: string,
  request: {
    decision: ContestDecision['decision'];
    explanation: string;
    /** Absent: as above. */
    corrections?: readonly Correction[];
    /** The opening that was shown: if another one is open by now, nothing is sent. Absent: whichever is open. */
    opened_seq?: number;
    actor: string;
  },
): Promise<CommandResult> {
  const { decision, explanation, actor } = request;
  const { isOpen, opened_seq, removal } = await withGraph(settings, (graph) =>
    requireContest(graph, contest_id),
  );
  const isMeant = request.opened_seq === undefined || request.opened_seq === opened_seq;
  if (!isOpen || !isMeant) {
    const text = isMeant
      ? `Contest ${contest_id} was decided before.`
      : `Opening ${request.opened_seq} of contest ${contest_id} is not the last one, which is ${opened_seq}. Nothing was decided: show it again.`;
    return { document: { contest_id, opened_seq, signalled: false }, text, exitCode: ExitCode.failed };
  }
  const usual = decision === 'upheld' && removal ? [removal] : [];
  const corrections = (request.corrections ?? usual).map(correctionMessage);
  const message = { decision, opened_seq, explanation, actor, corrections };
  const checked = validateContestDecision(message);
  if (!checked.ok) throw validationError(checked.problems, checked.type);
  const client = await connectForSignals(settings);
  try {
    const workflow_id = await signalDecision(client, contest_id, message);
    const changes = checked.message.corrections.map(textOf).join(', ');
    const text = `Contest ${contest_id} was signalled as ${decision}${changes && `: ${changes}`}.`;
    return {
      document: { contest_id, opened_seq, signalled: true, workflow_id, decision, corrections },
      text,
    };
  } finally {
    await client.connection.close();
  }
}

async function requireContest(graph: Graph, contest_id: string) {
  const found = await getContestForReview(graph, idsOf(contest_id));
  if (found === undefined) throw notFound(contest_id);
  const { restricts, ...contest } = found;
  return { ...contest, removal: restricts === null ? undefined : removalOf(restricts) };
}

function idsOf(contest_id: string): { customer_id: string; seq: number } {
  const ids = parseContestId(contest_id);
  if (ids === undefined) throw notFound(contest_id);
  return ids;
}

const notFound = (contest_id: string) =>
  new PersonaError('contest_not_found', `there is no contest ${contest_id}`);
const textOf = ({ command, id }: Correction) => `${command}:${id}`;

async function withGraph<T>({ variables }: Settings, work: (graph: Graph) => Promise<T>): Promise<T> {
  const graph = openConfiguredGraph(readGraphEnvironment(variables));
  try {
    return await work(graph);
  } finally {
    await graph.close();
  }
}
