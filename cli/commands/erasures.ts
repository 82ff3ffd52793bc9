/** Erases customers, takes an erasure back, lists those that run, and proves those that are done. */

import { createInterface } from 'node:readline/promises';
import type { Readable } from 'node:stream';
import { openJournal } from '../../adapters/erasure-journal/open.ts';
import { isOverdue } from '../../domain/erasure/steps.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { ErasureJournal } from '../../domain/ports.ts';
import {
  type Erasure,
  findErasure,
  findErasureTakenBack,
  findRunningErasures,
  readErasureSubject,
  takeBackErasure,
  verifyErasures,
} from '../../graph/erasure/index.ts';
import { type Graph, openConfiguredGraph } from '../../graph/index.ts';
import { readErasureEnvironment, readTemporalEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { listNamedIds } from '../../temporal/customer-executions.ts';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import { callRest } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { table, timeText } from '../tables.ts';

const PAGE = 100;

/**
 * Erases a customer, after a question.
 * @throws CliFailure, also if the answer is not yes
 */
export async function eraseCustomer(
  settings: Settings,
  customer_id: string,
  {
    isConfirmed,
    stdin,
    printStatus,
  }: { isConfirmed: boolean; stdin: Readable; printStatus(line: string): void },
): Promise<CommandResult> {
  if (!isConfirmed) {
    printStatus(`Everything about customer ${customer_id} will be deleted for good. Type yes to go on:`);
    const lines = createInterface({ input: stdin });
    const answer = await lines[Symbol.asyncIterator]().next();
    lines.close();
    if (answer.done === true || answer.value.trim() !== 'yes')
      throw new CliFailure(ExitCode.usageError, 'Nothing was erased: --yes confirms without a question.');
  }
  const path = `/api/v1/customers/${customer_id}`;
  const accepted = await callRest<{ erasure_id: string }>(settings, 'DELETE', path, undefined, {}, 'privacy');
  const text = `Erasure ${accepted.erasure_id} runs; its progress: ${settings.http}/api/v1/erasures/${accepted.erasure_id}`;
  return { document: accepted, text };
}

/**
 * Takes the running erasure of a customer back, within `privacy.erasureGrace`. Repeated, it completes the journal.
 * @throws PersonaError erasure_not_found, illegal_transition (too late), graph_unavailable; EnvironmentError
 */
export async function cancelErasure(
  settings: Settings,
  customer_id: string,
  actor: string,
): Promise<CommandResult> {
  return withJournal(settings, async (graph, journal) => {
    const running = await findErasure(graph, customer_id);
    // Taken back, and the journal was not available: after a restore the customer would be erased all the same.
    const erasure_id = running ?? (await findErasureTakenBack(graph, customer_id));
    if (erasure_id === undefined)
      throw new PersonaError('erasure_not_found', `customer ${customer_id} has no erasure that runs`);
    const { hash, requested_at: at } = await readErasureSubject(graph, erasure_id);
    if (running !== undefined)
      await takeBackErasure(graph, { erasure_id, by: { actor, correlationId: erasure_id } });
    await journal.append({ erasure_id, hash, at, cancelled: true });
    return {
      document: { erasure_id, state: 'cancelled' },
      text: `Erasure ${erasure_id} is taken back: the customer is as before.`,
    };
  });
}

/** Those that run, with what each waits for. @throws PersonaError graph_unavailable; EnvironmentError */
export async function listErasures(settings: Settings): Promise<CommandResult> {
  const { privacy } = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  const graph = openConfiguredGraph(readErasureEnvironment(settings.variables));
  try {
    const items: (Omit<Erasure, 'done_at'> & { done: string[]; overdue: boolean })[] = [];
    for (let after = ''; ; ) {
      const page = await findRunningErasures(graph, { after, limit: PAGE });
      for (const { done_at, ...one } of page) {
        const overdue = isOverdue(Date.parse(one.requested_at), privacy.deadline, Date.now());
        items.push({ ...one, done: Object.keys(done_at), overdue });
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.erasure_id;
    }
    const rows = items.map(({ erasure_id, requested_at, done, waiting_for, overdue }) => [
      erasure_id,
      `${timeText(requested_at)}${overdue ? ' (overdue)' : ''}`,
      done.at(-1) ?? 'requested',
      waiting_for.join(', '),
    ]);
    const text = table(['erasure', 'requested (UTC)', 'last step', 'waits for'], rows, 'No erasure runs.');
    return { document: { items }, text };
  } finally {
    await graph.close();
  }
}

/**
 * Proves for every entry of the journal that the graph and the key store hold nothing under its customer's id, and that no
 * execution in Temporal names it.
 * @throws PersonaError erasure_not_configured, journal_unavailable, graph_unavailable, temporal_unavailable; EnvironmentError
 */
export async function verifyAllErasures(settings: Settings): Promise<CommandResult> {
  return withJournal(settings, async (graph, journal) => {
    const temporal = readTemporalEnvironment(settings.variables);
    // Ids are open: no codec is needed.
    const client = await connectTemporal({
      ...temporal,
      apiKey: temporal.apiKey?.reveal(),
      codecKeys: 'none',
    });
    const proof = await verifyErasures(graph, journal, () => listNamedIds(client)).finally(
      () => void client.connection.close(),
    );
    const { erasures, running, ids, found, unapplied, not_taken_back, unreadable } = proof;
    const isProven = [found, unapplied, not_taken_back].every(({ length }) => length === 0);
    const lines = [
      ...found.map(({ erasure_id, where }) =>
        erasure_id === undefined
          ? `An erased id is still in ${where}`
          : `Erasure ${erasure_id}: the customer's id is still in ${where}`,
      ),
      ...unapplied.map(
        (id) => `Erasure ${id}: the graph does not know it. Start any process, which applies it`,
      ),
      ...not_taken_back.map(
        (id) =>
          `Erasure ${id} was taken back, and the journal does not say so. Repeat persona erase CUSTOMER_ID --cancel`,
      ),
      ...(unreadable > 0
        ? [
            `${unreadable} lines of the journal cannot be read: a process died while it wrote them, or they were changed`,
          ]
        : []),
      `${erasures} erasures in the journal, ${running} of them running; ${ids} ids compared: ${isProven ? 'nothing of the erased is left' : 'not proven'}.`,
    ];
    return { document: proof, text: lines.join('\n'), ...(!isProven && { exitCode: ExitCode.failed }) };
  });
}

async function withJournal<T>(
  { variables }: Settings,
  work: (graph: Graph, journal: ErasureJournal) => Promise<T>,
): Promise<T> {
  const environment = readErasureEnvironment(variables);
  const journal = openJournal(environment);
  if (journal === undefined)
    throw new PersonaError('erasure_not_configured', 'PERSONA_ERASURE_JOURNAL is not set');
  const graph = openConfiguredGraph(environment);
  try {
    return await work(graph, journal);
  } finally {
    await graph.close();
  }
}
