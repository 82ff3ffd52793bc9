import { setTimeout } from 'node:timers/promises';
import { Neo4jError } from 'neo4j-driver';
import { isTransient, translateError } from './errors.ts';
import type { Graph } from './graph.ts';
import type { Reader, Sender } from './reader.ts';
import { beginStatements } from './statements.ts';
import { COMMAND_MS } from './time-limits.ts';

const MAX_ATTEMPTS = 10;
const INITIAL_BACKOFF_MS = 8;
const MAX_BACKOFF_MS = 800;
/** A node that was read was deleted before it could be locked. */
const NODE_IS_GONE = 'Neo.ClientError.Statement.EntityNotFound';

/**
 * Runs a transaction that changes only what has no events: keys, and hashes of values that stay the same. It is repeated
 * under contention with commands, so `work` must not keep state outside of it.
 * @throws PersonaError graph_unavailable, and what `work` throws
 */
export async function runTransaction<T>(
  graph: Pick<Graph, 'writeSession'>,
  work: (statements: Reader & Sender) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const session = graph.writeSession();
    const statements = beginStatements(session, COMMAND_MS);
    try {
      const result = await work(statements);
      await statements.commit();
      return result;
    } catch (error) {
      const cause = await statements.rootCause(error);
      if (attempt >= MAX_ATTEMPTS || !(isTransient(cause) || isNodeGone(cause))) throw translateError(cause);
    } finally {
      await session.close();
    }
    const backoffMs = Math.min(MAX_BACKOFF_MS, INITIAL_BACKOFF_MS * 2 ** attempt);
    await setTimeout(backoffMs * (0.5 + Math.random() / 2));
  }
}

function isNodeGone(error: unknown): boolean {
  return error instanceof Neo4jError && error.code === NODE_IS_GONE;
}
