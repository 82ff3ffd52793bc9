import type { Session } from 'neo4j-driver';
import { translated } from './errors.ts';
import type { Graph } from './graph.ts';
import { unobserved } from './observer.ts';
import { toOnePlan } from './one-plan.ts';
import { toPlain } from './values.ts';

type Row = Record<string, unknown>;

/** It plans every statement of a process, on a machine that may be busy; nobody waits for what it locks. */
const REHEARSAL_MS = 60_000;

/**
 * Runs commands and queries for real and undoes them all: they see each other's writes, and nobody else ever does. A
 * server that has just started plans each statement when it first sees it, which takes seconds; a rehearsal spends
 * them before somebody waits.
 * @param play - gets a graph whose every transaction is a part of one that is rolled back
 * @throws PersonaError graph_unavailable, and what `play` throws
 */
export async function rehearse(graph: Graph, play: (stage: Graph) => Promise<void>): Promise<void> {
  const session = graph.writeSession();
  try {
    const transaction = session.beginTransaction({ timeout: REHEARSAL_MS });
    const run = (cypher: string, parameters: Row) => transaction.run(cypher, parameters);
    // What a command asks of its session, and no more.
    const part = { beginTransaction: () => ({ run, commit: async () => {} }), close: async () => {} };
    const read = async <T>(cypher: string, parameters: Row = {}): Promise<T[]> => {
      const { records } = await run(...toOnePlan(cypher, parameters));
      return records.map((record) => toPlain(record.toObject()) as T);
    };
    await play({
      ...graph,
      writeSession: () => part as unknown as Session,
      read,
      readAnywhere: read,
      // What is undone is no news.
      observer: unobserved,
    });
    await transaction.rollback();
  } catch (error) {
    throw translated(error);
  } finally {
    // Also rolls back what is still open.
    await session.close();
  }
}
