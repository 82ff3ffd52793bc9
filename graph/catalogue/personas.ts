/** Reads personas: all of them as they are, and one as it was. */

import { PERSONA_FIELDS, type PersonaState } from '../../domain/catalogue/persona.ts';
import { PersonaError } from '../../domain/errors.ts';
import type { EventType } from '../../domain/events/event.ts';
import type { Graph } from '../kernel/graph.ts';
import type { Reader } from '../kernel/reader.ts';
import { readEvent, type StoredEvent } from '../replay/stream.ts';

/** A persona as its node holds it: what is `null` in its state is absent. */
export type PersonaNode = {
  [K in keyof PersonaState as null extends PersonaState[K] ? never : K]: PersonaState[K];
} & {
  name: string;
  context?: string;
  response_format?: string;
  version: number;
  /** RFC 3339. */
  created_at: string;
  updated_at: string;
};

type PersonaRow = Omit<PersonaNode, 'context' | 'response_format' | 'created_at' | 'updated_at'> &
  Pick<PersonaState, 'context' | 'response_format'> & { created_at: number; updated_at: number };

/** Which personas there are, and how often they changed. */
export interface CatalogueState {
  personas: number;
  /** The sum of all versions: greater after each change of any persona. */
  version: number;
}

/** An entry of a persona's history. */
export interface PersonaVersion {
  version: number;
  change: 'put' | 'activated' | 'deactivated';
  /** Whose content it has again. */
  restored_version?: number;
  is_active: boolean;
  actor: string;
  reason?: string;
  /** RFC 3339. */
  recorded_at: string;
}

const CHANGE_OF: Partial<Record<EventType, PersonaVersion['change']>> = {
  AgentPersonaPut: 'put',
  AgentPersonaActivated: 'activated',
  AgentPersonaDeactivated: 'deactivated',
};

// An index has the versions: no node is read.
const READ_STATE = `
  MATCH (p:AgentPersona) WHERE p.version > 0
  RETURN count(p.version) AS personas, coalesce(sum(p.version), 0) AS version`;
// One row: ten thousand take the driver and Neo4j longer than what is in them.
const READ_VERSIONS = `
  MATCH (p:AgentPersona) WHERE p.version > 0
  RETURN collect([p.name, p.version]) AS versions`;
// Columns, and times as numbers: reading all of a large catalogue is mostly the driver's work on what it receives.
const COLUMNS = `
  p.name AS name, p.display_name AS display_name, p.role AS role, p.persona_type AS persona_type, p.version AS version,
  p.is_active AS is_active, p.system_prompt AS system_prompt, p.context AS context, p.expertise AS expertise,
  p.response_format AS response_format, p.created_at.epochMillis AS created_at, p.updated_at.epochMillis AS updated_at`;
const READ_ALL = `MATCH (p:AgentPersona) WHERE p.version > 0 RETURN ${COLUMNS}`;
const READ_SOME = `UNWIND $names AS name MATCH (p:AgentPersona {name: name}) RETURN ${COLUMNS}`;
// An index on two properties is used only if both are in the condition: hence seq.
const READ_VERSION = `
  MATCH (e:PersonaEvent {stream_id: $name, seq: $version}) WHERE e.stream = 'catalogue'
  RETURN properties(e) AS event`;
const READ_HISTORY = `
  MATCH (e:PersonaEvent {stream_id: $name}) WHERE e.seq > 0 AND e.seq < $before AND e.stream = 'catalogue'
  RETURN properties(e) AS event ORDER BY e.stream_id DESC, e.seq DESC LIMIT $limit`;

/** @throws PersonaError graph_unavailable */
export async function getCatalogueState(reader: Reader): Promise<CatalogueState> {
  const [row] = await reader.read<CatalogueState>(READ_STATE);
  return row ?? { personas: 0, version: 0 };
}

/** The version of each persona, by name. @throws PersonaError graph_unavailable */
export async function getPersonaVersions(reader: Reader): Promise<Map<string, number>> {
  const [row] = await reader.read<{ versions: [name: string, version: number][] }>(READ_VERSIONS);
  return new Map(row?.versions);
}

/** @param names absent: all @throws PersonaError graph_unavailable */
export async function getPersonas(reader: Reader, names?: readonly string[]): Promise<PersonaNode[]> {
  const read = names === undefined ? READ_ALL : READ_SOME;
  const rows = await reader.read<PersonaRow>(read, { names });
  return rows.map(toNode);
}

function toNode({ context, response_format, created_at, updated_at, ...row }: PersonaRow): PersonaNode {
  return {
    ...row,
    ...(context !== null && { context }),
    ...(response_format !== null && { response_format }),
    created_at: new Date(created_at).toISOString(),
    updated_at: new Date(updated_at).toISOString(),
  };
}

/**
 * A persona as it was in a version.
 * @throws PersonaError persona_version_not_found, graph_unavailable
 */
export async function getPersonaVersion(
  graph: Graph,
  { name, version }: { name: string; version: number },
): Promise<PersonaState & { updated_at: string }> {
  return readVersion(graph, name, version);
}

/**
 * A persona's history, newest first.
 * @param request.before a version: only earlier ones
 * @throws PersonaError graph_unavailable
 */
export async function getPersonaHistory(
  graph: Graph,
  request: { name: string; before?: number | undefined; limit: number },
): Promise<PersonaVersion[]> {
  const { name, before = Number.MAX_SAFE_INTEGER, limit } = request;
  const rows = await graph.read<{ event: StoredEvent }>(READ_HISTORY, { name, before, limit });
  return rows.map(({ event }) => {
    const { data } = readEvent<'AgentPersonaActivated'>(event);
    const { restored_version, reason, is_active } = data;
    return {
      version: event.seq,
      change: CHANGE_OF[event.type] ?? 'put',
      ...(typeof restored_version === 'number' && { restored_version }),
      is_active,
      actor: event.actor,
      ...(reason !== null && { reason }),
      recorded_at: event.recorded_at,
    };
  });
}

/** @throws PersonaError persona_version_not_found, graph_unavailable */
export async function readVersion(
  reader: Reader,
  name: string,
  version: number,
): Promise<PersonaState & { updated_at: string }> {
  const [row] = await reader.read<{ event: StoredEvent }>(READ_VERSION, { name, version });
  if (row === undefined) throw unknownVersion(name, version);
  const { data } = readEvent<'AgentPersonaPut'>(row.event);
  return { ...stateOf(data), updated_at: row.event.recorded_at };
}

/** A persona's state without its name, version and times. */
export function stateOf(persona: PersonaState | PersonaNode): PersonaState {
  const state = Object.fromEntries(
    PERSONA_FIELDS.map((field) => [field, persona[field as keyof typeof persona] ?? null]),
  );
  return state as unknown as PersonaState;
}

export function unknownPersona(name: string): PersonaError {
  return new PersonaError('persona_not_found', `there is no persona ${name}`);
}

export function unknownVersion(name: string, version: number): PersonaError {
  return new PersonaError('persona_version_not_found', `persona ${name} has no version ${version}`);
}
