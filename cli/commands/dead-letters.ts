/** Other agents' records that could not be processed (docs/runbook.md, 'Dead letters'). */

import { ERRORS, PersonaError } from '../../domain/errors.ts';
import type { KeptDeadLetter } from '../../domain/inbound/records.ts';
import type { DecodeRecord } from '../../events/inbound/decode-record.ts';
import { createRecordProcessor, type ProcessRecord } from '../../events/inbound/process-record.ts';
import { openConfiguredGraph } from '../../graph/index.ts';
import { readCodecKeys, readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import type { CommandResult } from '../command-result.ts';
import { withDeadLetters } from '../dead-letters.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { fields, table, timeText } from '../tables.ts';
import { connect } from './operator-requests.ts';

/** @throws CliFailure: Kafka is not configured; PersonaError kafka_unavailable */
export async function listDeadLetters(settings: Settings): Promise<CommandResult> {
  const letters = await withDeadLetters(settings, (store) => store.list());
  const items = letters.map(summaryOf);
  const rows = items.map(({ id, read_at, error_type, error, event_id }) => [
    ...[id, timeText(read_at), error_type, error, event_id],
  ]);
  const headings = ['dead letter', 'read (UTC)', 'error', 'what is wrong', 'event'];
  return { document: { items }, text: table(headings, rows, 'No dead letters.') };
}

/**
 * The record itself, opened: it may hold personal data.
 * @throws as `listDeadLetters`; CliFailure: unknown id; PersonaError schema_registry_unavailable
 */
export async function showDeadLetter(settings: Settings, id: string): Promise<CommandResult> {
  const { letter, record, decoded } = await withDeadLetters(settings, async (store, decode) => {
    const found = find(await store.list(), id);
    const opened = found.open();
    return { letter: found, record: opened, decoded: await decode(opened) };
  });
  const { key, value, headers, timestamp } = record;
  const document = {
    ...summaryOf(letter),
    recorded_at: new Date(timestamp).toISOString(),
    key: key === undefined ? null : Buffer.from(key).toString(),
    headers,
    ...('value' in decoded
      ? { value: decoded.value }
      : { value_base64: value === undefined ? null : Buffer.from(value).toString('base64') }),
  };
  const lines = Object.entries(document).map(
    ([name, entry]) => [name, typeof entry === 'object' ? JSON.stringify(entry) : entry] as const,
  );
  return { document, text: fields(lines) };
}

/**
 * Processes dead letters again, oldest first, and removes those that succeed.
 * @param id of one; absent: all
 * @throws as `listDeadLetters`; CliFailure: unknown id; PersonaError graph_unavailable, temporal_unavailable,
 * schema_registry_unavailable
 */
export async function retryDeadLetters(settings: Settings, id: string | undefined): Promise<CommandResult> {
  return withDeadLetters(settings, async (store, decode) => {
    const letters = await store.list();
    const chosen = id === undefined ? letters : [find(letters, id)];
    const results = await withProcessor(settings, decode, async (processRecord) => {
      const outcomes: { id: string; result: 'processed' | 'refused'; error?: string }[] = [];
      for (const { id: letterId, open } of chosen) {
        const result = await rejectionOf(() => processRecord(open()));
        // About a customer who was erased since: it is dropped.
        const rejection = result === 'erased' ? undefined : result;
        if (rejection === undefined) await store.remove(letterId);
        outcomes.push(
          rejection === undefined
            ? { id: letterId, result: 'processed' }
            : { id: letterId, result: 'refused', error: `${rejection.error_type}: ${rejection.error}` },
        );
      }
      return outcomes;
    });
    const refused = results.filter(({ result }) => result === 'refused');
    const rows = results.map(({ id: letterId, result, error }) => [letterId, result, error]);
    return {
      document: { items: results },
      text: table(['dead letter', 'result', 'what is wrong'], rows, 'No dead letters.'),
      exitCode: refused.length === 0 ? ExitCode.success : ExitCode.failed,
    };
  });
}

/** @throws an outage, which would stop all of them; any other failure concerns one dead letter, and the next follows */
async function rejectionOf(work: () => ReturnType<ProcessRecord>): ReturnType<ProcessRecord> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PersonaError)) return { error_type: 'internal', error: 'an unexpected error' };
    const { type, message } = error;
    if (ERRORS[type].retryable && type !== 'key_unavailable') throw error;
    return { error_type: type, error: message };
  }
}

function summaryOf({ id, topic, read_at, error_type, error, event_id }: KeptDeadLetter) {
  return {
    id,
    topic,
    read_at: new Date(read_at).toISOString(),
    error_type,
    error,
    ...(event_id !== undefined && { event_id }),
  };
}

function find(letters: readonly KeptDeadLetter[], id: string): KeptDeadLetter {
  const found = letters.find((letter) => letter.id === id);
  if (found === undefined)
    throw new CliFailure(ExitCode.failed, `There is no dead letter ${id}; persona dlq list shows all.`);
  return found;
}

async function withProcessor<T>(
  settings: Settings,
  decode: DecodeRecord,
  work: (processRecord: ReturnType<typeof createRecordProcessor>) => Promise<T>,
): Promise<T> {
  const policy = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  const temporal = await connect(settings, readCodecKeys(settings.variables).reveal());
  const graph = openConfiguredGraph(readGraphEnvironment(settings.variables));
  try {
    return await work(createRecordProcessor({ graph, temporal, policy }, decode, async () => true));
  } finally {
    await Promise.all([graph.close(), temporal.connection.close()]);
  }
}
