/** Settings of the agents that use the catalogue: any JSON, by key, with a version. */

import { PersonaError } from '../../domain/errors.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import { runCommand } from '../kernel/command.ts';
import { requireVersion } from '../kernel/expected-version.ts';
import type { Graph } from '../kernel/graph.ts';
import type { ChangedPersona } from './put-persona.ts';

export interface StoredConfiguration {
  key: string;
  /** JSON. */
  value: string;
  version: number;
  /** RFC 3339. */
  updated_at: string;
}

const READ = 'MATCH (c:PersonaConfiguration {key: $key}) RETURN properties(c) AS node';

/** @throws PersonaError configuration_not_found, graph_unavailable */
export async function getConfiguration(graph: Graph, { key }: { key: string }): Promise<StoredConfiguration> {
  const [row] = await graph.read<{ node: StoredConfiguration }>(READ, { key });
  if (row === undefined) throw unknownConfiguration(key);
  return row.node;
}

/**
 * Adds a configuration, or changes one. The same value is no new version.
 * @param input.expected_version the version that must not have changed; 0: there must be none; absent: any
 * @param input.may_create whether there may be none yet
 * @throws PersonaError stale_version; configuration_not_found, unless it may be created
 */
export function putConfiguration(
  graph: Graph,
  header: CommandHeader,
  input: {
    key: string;
    value: string;
    expected_version?: number | undefined;
    may_create: boolean;
    reason: string | null;
  },
): Promise<ChangedPersona> {
  const { key, value, expected_version, reason } = input;
  return runCommand(graph, header, 'putConfiguration', input, async (tx) => {
    const found = await tx.lockEntry<StoredConfiguration>('configuration', key);
    if (found === undefined && !input.may_create) throw unknownConfiguration(key);
    requireVersion(`configuration ${key}`, found?.version ?? 0, expected_version);
    if (found === undefined) tx.beginStream('configuration', key);
    else if (found.value === value) return { version: found.version, changed: false };
    const type = 'PersonaConfigurationPut';
    const { seq } = tx.append({ stream: 'configuration', stream_id: key, type, data: { value, reason } });
    return { version: seq, changed: true };
  });
}

function unknownConfiguration(key: string): PersonaError {
  return new PersonaError('configuration_not_found', `there is no configuration ${key}`);
}
