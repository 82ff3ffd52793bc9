import type { Graph } from '../kernel/graph.ts';

const RECENT = `
  MATCH (e:PersonaEvent) WHERE e.id >= $since
  RETURN count(e) AS events, min(e.id) AS first`;
/** A UUIDv7 begins with its time in milliseconds, in 12 hexadecimal digits. */
const TIME_DIGITS = 12;

/**
 * The events whose ids were made within the last `ms` milliseconds, and the age of the oldest of them.
 * @throws PersonaError graph_unavailable
 */
export async function countRecentEvents(
  graph: Graph,
  ms: number,
): Promise<{ events: number; seconds: number }> {
  const now = graph.now();
  const digits = Math.max(0, now - ms)
    .toString(16)
    .padStart(TIME_DIGITS, '0');
  const since = `${digits.slice(0, 8)}-${digits.slice(8)}`;
  const [row] = await graph.read<{ events: number; first: string | null }>(RECENT, { since });
  if (row === undefined || row.first === null) return { events: 0, seconds: 0 };
  const first = Number.parseInt(row.first.replaceAll('-', '').slice(0, TIME_DIGITS), 16);
  return { events: row.events, seconds: Math.max(0, now - first) / 1_000 };
}
