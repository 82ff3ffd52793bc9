/** How far a replay is: stored in its target, in the transactions of what it writes, so that an interrupted one continues. */

import type { Transaction } from 'neo4j-driver';
import { PersonaError } from '../../domain/errors.ts';
import { isUniquenessViolation, translateError } from '../kernel/errors.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Sender } from '../kernel/reader.ts';
import { toSingleParameter } from '../kernel/single-parameter.ts';

/** The node `Replay` of a target. */
export interface ReplayProgress {
  /** The log that is replayed, and of what: `all`, or a customer's id. */
  source: string;
  selection: string;
  /** Increases with each transaction: two processes that replay into one graph notice each other. */
  step: number;
  phase: 'copying' | 'applying' | 'complete';
  /** Of the log, as it was when the replay began. */
  end: string;
  /** Copying: the source's position. Applying: the id of the last event applied, and its kind. */
  position: string | null;
  /** All streams that are replayed, and those that the log is being read for; empty for `all`. */
  streams: string[];
  wanted: string[];
  /** Events so far. */
  copied: number;
  applied: number;
}

const ID = 'replay';
const READ = `
  MATCH (r:Replay {id: $id})
  RETURN r {
    .source, .selection, .step, .phase, .end, .position, .streams, .wanted, .copied, .applied
  } AS progress`;
const ANY_NODE = `
  MATCH (n) WHERE NOT n:SchemaMigration AND NOT n:RingKey
  RETURN true AS found LIMIT 1`;
const CREATE = 'CREATE (r:Replay {id: $id, started_at: datetime($now)}) SET r += $progress';
// The first write locks the node: what is compared after it can no longer change.
const ADVANCE = `
  MATCH (r:Replay {id: $id})
  SET r.locked = true
  REMOVE r.locked
  WITH r WHERE r.step = $progress.step - 1
  SET r += $progress, r.updated_at = datetime($now)
  RETURN r.step AS step`;

/**
 * @returns `undefined`: nothing was replayed into the graph yet, and it is empty
 * @throws PersonaError graph_not_empty: it holds something else, or what another replay has written; graph_unavailable
 */
export async function readProgress(
  target: Graph,
  { source, selection }: Pick<ReplayProgress, 'source' | 'selection'>,
): Promise<ReplayProgress | undefined> {
  // In this order: another process may just begin, and then its node is there as well.
  const [found] = await target.read(ANY_NODE);
  const [row] = await target.read<{ progress: ReplayProgress }>(READ, { id: ID });
  if (row === undefined) {
    if (found === undefined) return undefined;
    throw new PersonaError('graph_not_empty', 'the graph to replay into must be empty');
  }
  const { progress } = row;
  if (progress.source === source && progress.selection === selection) return progress;
  const other = `${progress.selection === 'all' ? 'everything' : `customer ${progress.selection}`} from ${progress.source}`;
  const message = `the graph to replay into must be empty, and this one holds a replay of ${other}`;
  throw new PersonaError('graph_not_empty', message);
}

/**
 * Writes in one transaction with the progress that it makes.
 * @param progress as it is afterwards; its `step` is one more than before
 * @throws PersonaError graph_unavailable; graph_not_empty: another process replays into the same graph
 */
export async function writeWithProgress(
  target: Graph,
  progress: ReplayProgress,
  write: (send: Sender['send']) => void,
): Promise<void> {
  const session = target.writeSession();
  try {
    const transaction = await session.beginTransaction();
    await store(transaction, progress, new Date(target.now()).toISOString());
    const sent: Promise<unknown>[] = [];
    // Statements are not awaited one by one: the server works on one while the next is being sent.
    write((cypher, parameters) => {
      sent.push(Promise.resolve(transaction.run(...toSingleParameter(cypher, parameters))));
    });
    await Promise.all(sent);
    await transaction.commit();
  } catch (error) {
    // Both created the node.
    throw progress.step === 1 && isUniquenessViolation(error) ? concurrentReplay() : translateError(error);
  } finally {
    await session.close();
  }
}

async function store(transaction: Transaction, progress: ReplayProgress, now: string): Promise<void> {
  const isFirst = progress.step === 1;
  const parameters = { id: ID, now, progress };
  const { records } = await transaction.run(...toSingleParameter(isFirst ? CREATE : ADVANCE, parameters));
  if (!isFirst && records.length === 0) throw concurrentReplay();
}

function concurrentReplay(): PersonaError {
  return new PersonaError('graph_not_empty', 'another process is replaying into the same graph');
}
