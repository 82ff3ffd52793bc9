import {
  getBlindKeyUsage,
  getDataKeyUsage,
  getRegisteredKeys,
  type Graph,
  openConfiguredGraph,
  unregisterKey,
} from '../../graph/index.ts';
import { readGraphEnvironment } from '../../platform/environment.ts';
import type { RingName } from '../../security/key-ring-validation.ts';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { usesText } from './keys.ts';
import { connect } from './operator-requests.ts';

/** A rolling restart takes less: workflows that were started later have no payload under the older key. */
const RESTART_MS = 24 * 3_600_000;

/**
 * Removes a key that nothing needs from the register, so that processes may start without it.
 * @throws CliFailure: the key is unknown, in use, or the newest that processes write with; PersonaError
 * graph_unavailable, temporal_unavailable
 */
export async function retireKey(settings: Settings, ring: RingName, id: string): Promise<CommandResult> {
  const graph = openConfiguredGraph(readGraphEnvironment(settings.variables));
  try {
    const successor = await requireSuccessor(graph, ring, id);
    const reason = await (ring === 'TEMPORAL_CODEC_KEYS'
      ? codecUse(settings, successor)
      : storedUse(graph, ring, id));
    if (reason !== undefined)
      throw new CliFailure(ExitCode.failed, `The key ${id} of ${ring} is still needed: ${reason}`);
    await unregisterKey(graph, { ring, id });
    return {
      document: { ring, id, retired: true },
      text: `The key ${id} of ${ring} is retired: restart every process without it, then destroy it.`,
    };
  } finally {
    await graph.close();
  }
}

/** @returns since when processes write with a newer key */
async function requireSuccessor(graph: Graph, ring: RingName, id: string): Promise<number> {
  const keys = (await getRegisteredKeys(graph)).filter((one) => one.ring === ring);
  const key = keys.find((one) => one.id === id);
  if (key === undefined) throw new CliFailure(ExitCode.failed, `${ring} has no registered key ${id}`);
  const since = (at: string | null) => (at === null ? -Infinity : Date.parse(at));
  const newest = Math.max(...keys.map(({ first_since }) => since(first_since)));
  if (since(key.first_since) < newest) return newest;
  throw new CliFailure(
    ExitCode.failed,
    `No process writes with a newer key of ${ring} than ${id}: start every process with another first key`,
  );
}

async function storedUse(graph: Graph, ring: RingName, id: string): Promise<string | undefined> {
  const usage = await (ring === 'PERSONA_KEYS' ? getDataKeyUsage : getBlindKeyUsage)(graph);
  const uses = usage.get(id);
  return uses && `by ${usesText(uses.nodes)}; persona keys says what to do`;
}

/** Histories cannot be searched for a key: those of all workflows that may have been started under it must be gone. */
async function codecUse(settings: Settings, successorSince: number): Promise<string | undefined> {
  const until = new Date(successorSince + RESTART_MS).toISOString();
  const client = await connect(settings, 'none');
  try {
    const { count } = await client.workflow.count(`StartTime < '${until}'`);
    return count === 0
      ? undefined
      : `Temporal has ${count} workflows, open or within the namespace's retention, that were started before ${until}`;
  } finally {
    await client.connection.close();
  }
}
