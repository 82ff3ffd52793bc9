/**
 * Every change of the graph is a command: one transaction that claims the command's receipt, locks its streams, lets
 * the command decide which events to append, and writes those events together with their projections. A write without
 * its event, or an event without its write, cannot be expressed.
 */

import { setTimeout } from 'node:timers/promises';
import { bodyText } from './body-hash.ts';
import type { CommandHeader } from './command-header.ts';
import type { CommandTx } from './command-tx.ts';
import { isUniquenessViolation, isTransient, translateError } from './errors.ts';
import type { Graph } from './graph.ts';
import { LockContended, LockSlots } from './lock-queue.ts';
import { openCommand, type Run } from './open-command.ts';
import { type CommandRequest, findStoredResult } from './receipts.ts';
import { COMMAND_MS, MIN_TRANSACTION_MS } from './time-limits.ts';
import { toUtc } from './values.ts';

/** Contention resolves within milliseconds; ten attempts with this backoff last about two seconds at most. */
const MAX_ATTEMPTS = 10;
const INITIAL_BACKOFF_MS = 4;
const MAX_BACKOFF_MS = 400;

/**
 * Runs one command. A repeat with the same caller, key and body returns the stored result and changes nothing. `work`
 * may run several times under contention, each time in a new transaction, so it must not keep state outside of it.
 * @param name - the command's name; compared together with the body when the key is repeated
 * @param body - the request; times and correlation ids in it are not compared
 * @throws PersonaError idempotency_key_reused, graph_unavailable, and what `work` throws
 */
export async function runCommand<T>(
  graph: Graph,
  header: CommandHeader,
  name: string,
  body: unknown,
  work: (tx: CommandTx) => Promise<T>,
): Promise<T> {
  const request = {
    name,
    header: { ...header, occurredAt: toUtc(header.occurredAt) },
    body: bodyText([name, body]),
  };
  return graph.guards.command(() => runObserved(graph, request, work));
}

async function runObserved<T>(
  graph: Graph,
  request: NamedRequest,
  work: (tx: CommandTx) => Promise<T>,
): Promise<T> {
  const observeEnd = graph.observer.started(request.name);
  try {
    const result = await runWithSlots(graph, request, work);
    observeEnd();
    return result;
  } catch (error) {
    const reason = translateError(error);
    observeEnd(reason);
    throw reason;
  }
}

interface NamedRequest extends CommandRequest {
  readonly name: string;
}

async function runWithSlots<T>(
  graph: Graph,
  request: NamedRequest,
  work: (tx: CommandTx) => Promise<T>,
): Promise<T> {
  const slots = new LockSlots(graph.lockQueue);
  try {
    return await runWithRetries(graph, request, work, slots);
  } finally {
    slots.release();
  }
}

async function runWithRetries<T>(
  graph: Graph,
  request: NamedRequest,
  work: (tx: CommandTx) => Promise<T>,
  slots: LockSlots,
): Promise<T> {
  const startedAt = performance.now();
  const { limitMs = COMMAND_MS } = request.header;
  const minimumMs = Math.min(MIN_TRANSACTION_MS, limitMs / 2);
  // Never 0, which Neo4j treats as no limit.
  const timeLeft = () => Math.max(1, limitMs - (performance.now() - startedAt));
  let attempt = 1;
  for (;;) {
    try {
      return await runOnce(graph, request, work, { slots, timeout: Math.ceil(timeLeft()) });
    } catch (error) {
      if (error instanceof LockContended) {
        graph.observer.retried(request.name);
        await slots.waitFor(error.lock, timeLeft() - minimumMs);
        continue;
      }
      // A unique key is taken: by this command's own receipt, or by a concurrent writer.
      const stored = isUniquenessViolation(error) ? await findStoredResult(graph, request) : undefined;
      if (stored !== undefined) return stored.result as T;
      const isLast = attempt >= MAX_ATTEMPTS || timeLeft() < minimumMs;
      if (isLast || !isTransient(error)) throw error;
    }
    graph.observer.retried(request.name);
    const backoffMs = Math.min(MAX_BACKOFF_MS, INITIAL_BACKOFF_MS * 2 ** attempt);
    await setTimeout(backoffMs * (0.5 + Math.random() / 2));
    attempt += 1;
  }
}

async function runOnce<T>(
  graph: Graph,
  request: NamedRequest,
  work: (tx: CommandTx) => Promise<T>,
  run: Omit<Run, 'session'>,
): Promise<T> {
  const session = graph.writeSession();
  const command = openCommand(graph, request, { ...run, session });
  try {
    const result = await work(command.tx);
    const events = await command.finish(result);
    graph.observer.committed({ name: request.name, header: request.header, events, result });
    return result;
  } catch (error) {
    // The first failure is the cause; those after it only report that the transaction is closed.
    throw await command.rootCause(error);
  } finally {
    await session.close();
  }
}
