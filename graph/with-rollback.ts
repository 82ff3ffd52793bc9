import type { Session } from 'neo4j-driver';
import { translateError } from './errors.ts';
import type { Graph } from './graph.ts';
import { noopObserver } from './observer.ts';
import { toSingleParameter } from './single-parameter.ts';
import { toPlain } from './values.ts';

type Row = Record<string, unknown>;

/** It plans every statement of a process, on a machine that may be busy; nobody waits for what it locks. */
const ROLLED_BACK_TRANSACTION_MS = 60_000;

/**
 * Runs commands and queries for real and undoes them all: they see each other's writes, and nobody else ever does. A
 * server that has just started plans each statement when it first sees it, which takes seconds; a rehearsal spends
 * them before somebody waits.
 * @param work - gets a graph whose every transaction is a part of one that is rolled back
 * @throws PersonaError graph_unavailable, and what `play` throws
 */
export async function withRollback(graph: Graph, work: (rolledBack: Graph) => Promise<void>): Promise<void> {
  const session = graph.writeSession();
  try {
    const transaction = session.beginTransaction({ timeout: ROLLED_BACK_TRANSACTION_MS });
    const run = (cypher: string, parameters: Row) => transaction.run(cypher, parameters);
    // What a command asks of its session, and no more.
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
      // What is undone is no news.
      observer: noopObserver,
    });
    await transaction.rollback();
  } catch (error) {
    throw translateError(error);
  } finally {
    // Also rolls back what is still open.
    await session.close();
  }
}
