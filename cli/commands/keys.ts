/** `persona keys`: the keys of every ring, and what still needs each of them (docs/runbook.md, 'Rotating a key'). */

import {
  checkKeys,
  getBlindKeyUsage,
  getDataKeyUsage,
  getRegisteredKeys,
  type KeyRegistration,
  type KeyUsage,
  type KeyUses,
  openConfiguredGraph,
} from '../../graph/index.ts';
import { readCodecKeys, readGraphEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import type { RingName } from '../../security/key-ring-validation.ts';
import type { CommandResult } from '../command-result.ts';
import { ExitCode } from '../failure.ts';
import type { Settings, Variables } from '../settings.ts';
import { table, timeText } from '../tables.ts';

interface ListedKey {
  ring: RingName;
  id: string;
  /** In the ring that this command was started with. */
  position: 'first' | 'further' | 'missing';
  /** Whether it is in the register, so that processes know it. */
  registered: boolean;
  /** When a process first wrote with it. */
  writes_since: string | null;
  /** The number of nodes that need it, by label; null for the codec's keys, whose payloads are in Temporal. */
  used_by: Partial<Record<string, number>> | null;
  /** When the last receipt with a hash under it expires. */
  receipts_until?: string;
  /** What to do with it next. */
  next: string;
}

/** The ids of a ring in order, and how the graph uses its keys. */
interface Ring {
  name: RingName;
  ids: readonly string[];
  usage?: KeyUsage;
}

/** @throws EnvironmentError without the keys; PersonaError graph_unavailable */
export async function listKeys(settings: Settings): Promise<CommandResult> {
  const environment = readGraphEnvironment(settings.variables);
  const { retention } = readPolicy(settings.variables.PERSONA_POLICY_FILE);
  const graph = openConfiguredGraph(environment);
  try {
    const problems = await checkKeys(graph, environment);
    const registered = await getRegisteredKeys(graph);
    const rings: Ring[] = [
      { name: 'PERSONA_KEYS', ids: idsOf(environment.keys.reveal()), usage: await getDataKeyUsage(graph) },
      {
        name: 'PERSONA_BLIND_KEYS',
        ids: idsOf(environment.blindKeys.reveal()),
        usage: await getBlindKeyUsage(graph),
      },
      { name: 'TEMPORAL_CODEC_KEYS', ids: codecIds(settings.variables) },
    ];
    const keys = rings.flatMap((ring) => listRing(ring, registered, retention.receipts));
    return {
      document: { keys, problems },
      text: [...problems.map((problem) => `${problem}\n`), keyTable(keys)].join('\n'),
      ...(problems.length > 0 && { exitCode: ExitCode.failed }),
    };
  } finally {
    await graph.close();
  }
}

const idsOf = (keys: readonly { id: string }[]) => keys.map(({ id }) => id);

/** The command line may have no codec keys: they are then listed as registered only. */
function codecIds(variables: Variables): string[] {
  return variables.TEMPORAL_CODEC_KEYS === undefined ? [] : idsOf(readCodecKeys(variables).reveal());
}

function listRing(
  { name, ids, usage }: Ring,
  registrations: readonly KeyRegistration[],
  receiptsMs: number,
): ListedKey[] {
  const registered = registrations.filter(({ ring }) => ring === name);
  const all = new Set([...ids, ...registered.map(({ id }) => id), ...(usage?.keys() ?? [])]);
  return [...all].map((id): ListedKey => {
    const registration = registered.find((one) => one.id === id);
    const uses = usage && (usage.get(id) ?? { nodes: {} });
    const position = ids[0] === id ? 'first' : ids.includes(id) ? 'further' : 'missing';
    const writes_since = registration?.first_since ?? null;
    const receipts_until = uses?.newest_receipt && expiryOf(uses.newest_receipt, receiptsMs);
    const isRegistered = registration !== undefined;
    return {
      ...{ ring: name, id, position, registered: isRegistered, writes_since },
      used_by: uses?.nodes ?? null,
      ...(receipts_until && { receipts_until }),
      next: nextStep({ name, id, position, isRegistered, writes_since, uses, receipts_until }),
    };
  });
}

const expiryOf = (at: string, ms: number) => new Date(Date.parse(at) + ms).toISOString();

function nextStep(key: {
  name: RingName;
  id: string;
  position: ListedKey['position'];
  isRegistered: boolean;
  writes_since: string | null;
  uses: KeyUses | undefined;
  receipts_until: string | undefined;
}): string {
  const { name, id, position, isRegistered, writes_since, uses, receipts_until } = key;
  if (position === 'first') return '';
  if (writes_since === null) return isRegistered ? 'once every process has it, put it first' : '';
  const retire = `persona keys retire ${name} ${id}`;
  if (uses === undefined)
    return `keep it for the retention of Temporal's namespace after the last process wrote with it; then ${retire}`;
  const { CommandReceipt: _, ...rotatable } = uses.nodes;
  if (Object.keys(rotatable).length > 0)
    return `persona keys rotate${name === 'PERSONA_BLIND_KEYS' ? ' --blind' : ''}`;
  return receipts_until === undefined
    ? retire
    : `its receipts expire by ${timeText(receipts_until)}; then ${retire}`;
}

function keyTable(keys: readonly ListedKey[]): string {
  const rows = keys.map(({ ring, id, position, registered, writes_since, used_by, next }) => [
    ring,
    id,
    position,
    registered,
    writes_since === null ? undefined : timeText(writes_since),
    used_by === null ? 'not counted' : usesText(used_by),
    next,
  ]);
  return table(['ring', 'key', 'here', 'registered', 'writes since', 'used by', 'next'], rows, '');
}

/** `3 CustomerKey, 1 DeviceKey`; empty: nothing uses the key. */
export function usesText(nodes: Partial<Record<string, number>>): string {
  return Object.entries(nodes)
    .map(([label, count]) => `${count} ${label}`)
    .join(', ');
}
