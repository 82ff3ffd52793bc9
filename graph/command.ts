/**
 * How every change of the graph happens: one transaction that claims the command's receipt, locks its streams, lets
 * the command decide which events happen, and writes those events together with what they say. A write without its
 * event, or an event without its write, cannot be expressed.
 */

import { setTimeout } from 'node:timers/promises';
import { bodyText } from './body-hash.ts';
import type { CommandTx } from './command-tx.ts';
import { isTaken, isWorthRepeating, translated } from './errors.ts';
import type { Graph } from './graph.ts';
import { openCommand } from './open-command.ts';
import { type Claim, firstAnswer } from './receipts.ts';
import { toUtc } from './values.ts';

/** Who asks for a change, and under which key a repeat of it is the same command. */
export interface CommandHeader {
  caller: string;
  idempotencyKey: string;
  /** The key is what the caller's `Idempotency-Key` header says, and is remembered for a day. */
  isHeaderKey?: true;
  actor: string;
  correlationId: string;
  causationId?: string;
  /** When it happened, RFC 3339. */
  occurredAt: string;
}

/** Contention resolves within milliseconds; ten attempts with this back-off last about two seconds at most. */
const MAX_ATTEMPTS = 10;
const FIRST_BACKOFF_MS = 4;
const LONGEST_BACKOFF_MS = 400;

/**
 * Runs one command. The same caller and key with the same body gives the first answer and changes nothing; `work` may
 * run several times (contention), each time in a new transaction, so it keeps no state outside.
 * @param name - the command's name; part of what the key stands for
 * @param body - what the caller asked for; times and correlation ids in it do not count as a difference
 * @throws PersonaError idempotency_key_reused, graph_unavailable, and what `work` throws
 */
export async function runCommand<T>(
  graph: Graph,
  header: CommandHeader,
  name: string,
  body: unknown,
  work: (tx: CommandTx) => Promise<T>,
): Promise<T> {
  const claim = {
    name,
    header: { ...header, occurredAt: toUtc(header.occurredAt) },
    body: bodyText([name, body]),
  };
  const ended = graph.observer.started(name);
  try {
    const result = await runUntilDone(graph, claim, work);
    ended();
    return result;
  } catch (error) {
    const reason = translated(error);
    ended(reason);
    throw reason;
  }
}

interface NamedClaim extends Claim {
  readonly name: string;
}

async function runUntilDone<T>(
  graph: Graph,
  claim: NamedClaim,
  work: (tx: CommandTx) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runOnce(graph, claim, work);
    } catch (error) {
      // Something unique is there already: this command's own receipt, or what another writer was quicker with.
      const first = isTaken(error) ? await firstAnswer(graph, claim) : undefined;
      if (first !== undefined) return first.result as T;
      if (attempt >= MAX_ATTEMPTS || !isWorthRepeating(error)) throw error;
    }
    graph.observer.repeated(claim.name);
    const longest = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt);
    await setTimeout(longest * (0.5 + Math.random() / 2));
  }
}

async function runOnce<T>(graph: Graph, claim: NamedClaim, work: (tx: CommandTx) => Promise<T>): Promise<T> {
  const session = graph.writeSession();
  const command = openCommand(graph, session, claim);
  try {
    const result = await work(command.tx);
    const events = await command.finish(result);
    graph.observer.committed({ name: claim.name, header: claim.header, events, result });
    return result;
  } catch (error) {
    // What failed first is the reason; what came behind it only says that the transaction is over.
    throw await command.reason(error);
  } finally {
    await session.close();
  }
}
