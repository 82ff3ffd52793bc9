import type { Session } from 'neo4j-driver';
import { translateError } from './errors.ts';
import type { Graph } from './graph.ts';
import { noopObserver } from './observer.ts';
import { toSingleParameter } from './single-parameter.ts';
import { toPlain } from './values.ts';

type Row = Record<string, unknown>;

/** Long enough to plan every statement of a process on a busy machine; no other transaction waits for its locks. */
const ROLLED_BACK_TRANSACTION_MS = 60_000;

/**
 * Runs commands and queries against Neo4j and rolls all of them back: they see each other's writes, other transactions
 * never do. A server that has just started plans each statement on first use, which takes seconds; a rehearsal spends
 * them before a caller waits.
 * @param work - gets a graph whose transactions are all part of one that is rolled back
 * @throws PersonaError graph_unavailable, and what `work` throws
 */
export async function withRollback(graph: Graph, work: (rolledBack: Graph) => Promise<void>): Promise<void> {
  const session = graph.writeSession();
  try {
    const transaction = session.beginTransaction({ timeout: ROLLED_BACK_TRANSACTION_MS });
    const run = (cypher: string, parameters: Row) => transaction.run(cypher, parameters);
    // Only what a command uses of its session.
    const sharedSession = {
      beginTransaction: () => ({ run, commit: async () => {} }),
      close: async () => {},
    };
    const read = async <T>(cypher: string, parameters: Row = {}): Promise<T[]> => {
      const { records } = await run(...toSingleParameter(cypher, parameters));
      return records.map((record) => toPlain(record.toObject()) as T);
    };
    await work({
      ...graph,
      writeSession: () => sharedSession as unknown as Session,
      read,
      readFromAnyMember: read,
      // Rolled-back operations are not observed.
      observer: noopObserver,
    });
    await transaction.rollback();
  } catch (error) {
    throw translateError(error);
  } finally {
    // Also rolls back a transaction that is still open.
    await session.close();
  }
}
