import type { Session } from 'neo4j-driver';
import { createBatch, type Statement } from './batch.ts';
import type { Reader } from './graph.ts';
import type { Sender } from './key-store.ts';
import { toSingleParameter } from './single-parameter.ts';
import { toPlain } from './values.ts';

type Row = Record<string, unknown>;

/** The statements of a transaction: reads return rows, and writes are not awaited. */
export interface Statements extends Reader, Sender {
  /** Sends the remaining writes and commits once everything has succeeded. */
  commit(): Promise<void>;
  /** The cause of a failure: the first failure of any statement, or else `error`. */
  rootCause(error: unknown): Promise<unknown>;
}

/**
 * Starts a transaction without waiting for the server. Writes before the first read become the prefix of that read's
 * statement; later writes are sent before the next read, and at the end.
 * @param timeout - milliseconds after which Neo4j ends the transaction, even while it waits for a lock
 */
export function beginStatements(session: Session, timeout: number): Statements {
  const transaction = session.beginTransaction({ timeout });
  const batch = createBatch();
  const dispatched: Promise<unknown>[] = [];
  let firstFailure: unknown;

  const execute = async ({ cypher, parameters }: Statement): Promise<Row[]> => {
    const { records } = await transaction.run(...toSingleParameter(cypher, parameters));
    return records.map((record) => toPlain(record.toObject()) as Row);
  };

  /** Sends immediately; the caller need not await the result. */
  const dispatch = (statement: Statement): Promise<Row[]> => {
    const answer = execute(statement);
    dispatched.push(answer);
    answer.catch((error) => {
      firstFailure ??= error;
    });
    return answer;
  };

  const flush = () => {
    const statement = batch.take();
    if (statement !== undefined) void dispatch(statement);
  };

  return {
    send: batch.add,
    async read<T>(cypher: string, parameters: Row = {}): Promise<T[]> {
      const isFirst = dispatched.length === 0;
      if (!isFirst) flush();
      const statement = isFirst ? batch.takeBefore({ cypher, parameters }) : { cypher, parameters };
      return (await dispatch(statement)) as T[];
    },
    async commit() {
      flush();
      await Promise.all(dispatched);
      await transaction.commit();
    },
    async rootCause(error) {
      await Promise.allSettled(dispatched);
      return firstFailure ?? error;
    },
  };
}
