import type { MetricBucket, PersonaMetric } from '../../domain/catalogue/metrics.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { runTransaction } from '../kernel/run-transaction.ts';
import { unknownPersona, unknownVersion } from './personas.ts';

const FIND = 'MATCH (p:AgentPersona {name: $name}) RETURN p.version AS version';
const RECORD = `
  UNWIND $metrics AS metric
  CREATE (:PersonaMetric {
    persona: $persona, version: metric.version, name: metric.name, value: toFloat(metric.value), unit: metric.unit,
    at: datetime(metric.at)
  })`;
const AGGREGATE = `
  MATCH (m:PersonaMetric)
  WHERE m.persona = $persona AND m.name = $name AND m.at >= datetime($from) AND m.at < datetime($to)
  WITH m.at.epochMillis / $every AS bucket, m.value AS value
  RETURN bucket * $every AS at, count(value) AS count, avg(value) AS mean,
    percentileCont(value, 0.5) AS p50, percentileCont(value, 0.95) AS p95
  ORDER BY at LIMIT $limit`;
const EXPIRE = `
  MATCH (m:PersonaMetric) WHERE m.at < datetime($before)
  WITH m LIMIT $limit
  DELETE m
  RETURN count(*) AS deleted`;
const COUNT_OLD = 'MATCH (m:PersonaMetric) WHERE m.at < datetime($before) RETURN count(m) AS old';

/**
 * Adds metrics, all or none.
 * @param header its key makes a repetition harmless
 * @throws PersonaError persona_not_found, persona_version_not_found, idempotency_key_reused, graph_unavailable
 */
export function recordMetrics(
  graph: Graph,
  header: CommandHeader,
  { persona, metrics }: { persona: string; metrics: readonly PersonaMetric[] },
): Promise<{ recorded: number }> {
  // The whole body: `at` of a metric distinguishes two requests, unlike the times of events.
  return runCommand(graph, header, 'recordMetrics', { persona, metrics }, async (tx) => {
    const [found] = await tx.read<{ version: number }>(FIND, { name: persona });
    if (found === undefined) throw unknownPersona(persona);
    const { version: current } = found;
    const unheardOf = metrics.find(({ version = current }) => version > current)?.version;
    if (unheardOf !== undefined) throw unknownVersion(persona, unheardOf);
    const rows = metrics.map((metric) => ({ at: tx.recordedAt, version: current, ...metric }));
    tx.send(RECORD, { persona, metrics: rows });
    return { recorded: rows.length };
  });
}

export interface MetricQuery {
  persona: string;
  name: string;
  /** RFC 3339; `to` is excluded. */
  from: string;
  to: string;
  /** Milliseconds. */
  every: number;
  /** Of buckets. */
  limit: number;
}

/** The periods that have values, oldest first. @throws PersonaError graph_unavailable */
export async function aggregateMetrics(graph: Graph, query: MetricQuery): Promise<MetricBucket[]> {
  const rows = await graph.read<Omit<MetricBucket, 'at'> & { at: number }>(AGGREGATE, { ...query });
  return rows.map((row) => ({ ...row, at: new Date(row.at).toISOString() }));
}

/**
 * Deletes metrics that are too old, one batch in one transaction.
 * @param input.before epoch milliseconds
 * @returns the number deleted; fewer than `limit`: there are no more
 * @throws PersonaError graph_unavailable
 */
export async function expireMetrics(
  graph: Graph,
  { before, limit }: { before: number; limit: number },
): Promise<number> {
  const [row] = await runTransaction(graph, ({ read }) =>
    read<{ deleted: number }>(EXPIRE, { limit, before: new Date(before).toISOString() }),
  );
  return row?.deleted ?? 0;
}

/** How many metrics are too old. @param before epoch milliseconds. @throws PersonaError graph_unavailable */
export async function countOldMetrics(reader: Reader, before: number): Promise<number> {
  const [row] = await reader.read<{ old: number }>(COUNT_OLD, { before: new Date(before).toISOString() });
  return row?.old ?? 0;
}
