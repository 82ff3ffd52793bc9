/** Commands on the personas of the ecosystem's agents. Each change is a version: the number of its event in its stream. */

import { isSamePersona, type PersonaContent, type PersonaState } from '../../domain/catalogue/persona.ts';
import type { EventData } from '../../domain/events/event.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import { runCommand } from '../kernel/command.ts';
import { requireVersion } from '../kernel/expected-version.ts';
import type { Graph } from '../kernel/graph.ts';
import { type PersonaNode, readVersion, stateOf, unknownPersona } from './personas.ts';

/** `changed` is false if the persona was like that already, and no event was written. */
export interface ChangedPersona {
  version: number;
  changed: boolean;
}

interface PersonaChange {
  name: string;
  /** The version that must not have changed; 0: there must be no such persona; absent: any. */
  expected_version?: number | undefined;
  reason: string | null;
}

/**
 * Adds a persona, which is active, or a new version of one, which stays active or inactive. The same content is no new
 * version.
 * @param input.may_create whether there may be no such persona yet
 * @throws PersonaError stale_version; persona_not_found, unless it may be created
 */
export function putPersona(
  graph: Graph,
  header: CommandHeader,
  input: PersonaChange & { content: PersonaContent; may_create: boolean },
): Promise<ChangedPersona> {
  const { name, expected_version, reason, content } = input;
  return runCommand(graph, header, 'putPersona', input, async (tx) => {
    const found = await tx.lockEntry<PersonaNode>('catalogue', name);
    if (found === undefined && !input.may_create) throw unknownPersona(name);
    requireVersion(`persona ${name}`, found?.version ?? 0, expected_version);
    if (found === undefined) tx.beginStream('catalogue', name);
    else if (isSamePersona(content, stateOf(found))) return { version: found.version, changed: false };
    const data = { ...content, is_active: found?.is_active ?? true, reason };
    return append(tx, name, 'AgentPersonaPut', data);
  });
}

/**
 * Activates a persona.
 * @param input.version gives it the content of an older version again; absent: its content is unchanged
 * @throws PersonaError persona_not_found, persona_version_not_found, stale_version
 */
export function activatePersona(
  graph: Graph,
  header: CommandHeader,
  input: PersonaChange & { version?: number | undefined },
): Promise<ChangedPersona> {
  return change(graph, header, 'activatePersona', input, async (tx, found) => {
    const { version } = input;
    const { is_active: _, ...content } =
      version === undefined ? stateOf(found) : await readVersion(tx, input.name, version);
    if (found.is_active && isSamePersona(content, stateOf(found))) return undefined;
    const data = { ...content, is_active: true, reason: input.reason, restored_version: version ?? null };
    return append(tx, input.name, 'AgentPersonaActivated', data);
  });
}

/** @throws PersonaError persona_not_found, stale_version */
export function deactivatePersona(
  graph: Graph,
  header: CommandHeader,
  input: PersonaChange,
): Promise<ChangedPersona> {
  return change(graph, header, 'deactivatePersona', input, async (tx, found) => {
    if (!found.is_active) return undefined;
    const state: PersonaState = { ...stateOf(found), is_active: false };
    return append(tx, input.name, 'AgentPersonaDeactivated', { ...state, reason: input.reason });
  });
}

/** @param work `undefined`: there is nothing to change */
function change<I extends PersonaChange>(
  graph: Graph,
  header: CommandHeader,
  command: string,
  input: I,
  work: (tx: CommandTx, found: PersonaNode) => Promise<ChangedPersona | undefined>,
): Promise<ChangedPersona> {
  const { name, expected_version } = input;
  return runCommand(graph, header, command, input, async (tx) => {
    const found = await tx.lockEntry<PersonaNode>('catalogue', name);
    if (found === undefined) throw unknownPersona(name);
    requireVersion(`persona ${name}`, found.version, expected_version);
    return (await work(tx, found)) ?? { version: found.version, changed: false };
  });
}

function append<T extends 'AgentPersonaPut' | 'AgentPersonaActivated' | 'AgentPersonaDeactivated'>(
  tx: CommandTx,
  name: string,
  type: T,
  data: EventData[T],
): ChangedPersona {
  const { seq } = tx.append({ stream: 'catalogue', stream_id: name, type, data });
  return { version: seq, changed: true };
}
