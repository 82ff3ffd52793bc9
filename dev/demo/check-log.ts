/** Checks what Oracle has received against the graph's log. */

import type { Check } from './check.ts';
import type { LogEntry } from './oracle.ts';

/**
 * @param expected the events of some streams in the graph
 * @param received events in the order of arrival; those of other streams, and later ones of these, are ignored
 * @returns how many of each type were received, most frequent first, and the checks
 */
export function checkLog(
  expected: readonly LogEntry[],
  received: readonly LogEntry[],
): { types: [type: string, count: number][]; checks: Check[] } {
  const graph = Map.groupBy(expected, ({ stream_id }) => stream_id);
  const archive = Map.groupBy(received, ({ stream_id }) => stream_id);
  const compared = [...graph].map(([id, inGraph]) => {
    const last = Math.max(...inGraph.map(({ seq }) => seq));
    const arrived = (archive.get(id) ?? []).filter(({ seq }) => seq <= last);
    return { arrived, problem: firstProblem(id, inGraph, arrived) };
  });
  const all = compared.flatMap(({ arrived }) => arrived);
  const problems = compared.flatMap(({ problem }) => problem ?? []);
  const types = [...Map.groupBy(all, ({ type }) => type)]
    .map(([type, own]): [string, number] => [type, own.length])
    .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || a.localeCompare(b));
  const checks = [
    {
      label: 'events received, of those in the graph',
      expected: `${expected.length} of ${expected.length}`,
      actual: `${all.length} of ${expected.length}`,
    },
    {
      label: 'streams in order, without a gap, each event once',
      expected: `${graph.size} of ${graph.size}`,
      actual: [`${graph.size - problems.length} of ${graph.size}`, ...problems.slice(0, 1)].join(': '),
    },
  ];
  return { types, checks };
}

/** Where the events that arrived are not the graph's, from number 1 on. */
function firstProblem(
  id: string,
  inGraph: readonly LogEntry[],
  arrived: readonly LogEntry[],
): string | undefined {
  const ids = new Map(inGraph.map(({ seq, event_id }) => [seq, event_id]));
  for (let seq = 1; seq <= Math.max(ids.size, arrived.length); seq += 1) {
    const entry = arrived[seq - 1];
    if (entry === undefined) return `${id} ends before event ${seq}`;
    if (entry.seq !== seq) return `${id} has event ${entry.seq} in place of ${seq}`;
    if (entry.event_id !== ids.get(seq)) return `${id} has another event ${seq} than the graph`;
  }
  return undefined;
}
