import {
  checkKeys,
  getBlindKeyUsage,
  getDataKeyUsage,
  getRegisteredKeys,
  type Graph,
  type KeyUsage,
  openConfiguredGraph,
  type RotationTotals,
  rotateBlindIndex,
  rotateDataKeys,
} from '../../graph/index.ts';
import { type GraphEnvironment, readGraphEnvironment } from '../../platform/environment.ts';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';
import { usesText } from './keys.ts';

interface RotateOptions {
  /** The blind index instead of the data keys. */
  blind: boolean;
  dryRun: boolean;
  printStatus(line: string): void;
}

/** The least time between two lines of progress. */
const PROGRESS_MS = 2_000;

/**
 * Moves everything stored under older keys of a ring to its first key, while processes serve. Run again after an
 * interruption, it changes what is left.
 * @throws CliFailure: no process writes with the first key yet; EnvironmentError without the keys; PersonaError
 * graph_unavailable
 */
export async function rotateKeys(
  settings: Settings,
  { blind, dryRun, printStatus }: RotateOptions,
): Promise<CommandResult> {
  const environment = readGraphEnvironment(settings.variables);
  const ring = blind ? 'PERSONA_BLIND_KEYS' : 'PERSONA_KEYS';
  const [first] = (blind ? environment.blindKeys : environment.keys).reveal();
  const key = first?.id ?? '';
  const graph = openConfiguredGraph(environment);
  try {
    await assertPhaseTwo(graph, environment, { ring, key });
    const rotate = blind ? rotateBlindIndex : rotateDataKeys;
    const totals = await rotate(graph, { dryRun, onProgress: progressPrinter(printStatus) });
    const usage = await (blind ? getBlindKeyUsage : getDataKeyUsage)(graph);
    return toCommandResult({ ring, key, dry_run: dryRun, ...totals, left: leftOf(usage, key) });
  } finally {
    await graph.close();
  }
}

/** Processes that only have the older keys could not read what is rotated. */
async function assertPhaseTwo(
  graph: Graph,
  environment: GraphEnvironment,
  { ring, key }: { ring: string; key: string },
): Promise<void> {
  const problems = await checkKeys(graph, environment);
  if (problems.length > 0) throw new CliFailure(ExitCode.failed, problems.join('\n'));
  const registered = await getRegisteredKeys(graph);
  if (!registered.some((one) => one.ring === ring && one.id === key && one.first_since !== null))
    throw new CliFailure(
      ExitCode.failed,
      `No process writes with the key ${key} of ${ring} yet: start every process with it in first place before rotating`,
    );
}

function progressPrinter(printStatus: (line: string) => void): (totals: Readonly<RotationTotals>) => void {
  let printedAt = performance.now();
  return ({ read, changed }) => {
    if (performance.now() - printedAt < PROGRESS_MS) return;
    printedAt = performance.now();
    printStatus(`${read} read, ${changed} changed`);
  };
}

interface Rotation extends RotationTotals {
  ring: string;
  key: string;
  dry_run: boolean;
  /** The older keys that are still in use, each with the number of nodes by label. */
  left: Record<string, Partial<Record<string, number>>>;
}

function leftOf(usage: KeyUsage, key: string): Rotation['left'] {
  return Object.fromEntries([...usage].flatMap(([id, { nodes }]) => (id === key ? [] : [[id, nodes]])));
}

function toCommandResult(rotation: Rotation): CommandResult {
  const { ring, key, dry_run, read, changed, unreadable, conflicts, left } = rotation;
  const verb = dry_run ? 'would be changed' : 'changed';
  const lines = [
    `${ring}: ${read} read, ${changed} ${verb} to the key ${key}.`,
    ...(unreadable > 0 ? [`${unreadable} could not be read with any configured key.`] : []),
    ...(conflicts > 0 ? [`${conflicts} have the same value as another node: persona verify --all.`] : []),
    ...Object.entries(left).map(([id, nodes]) => `The key ${id} is still used by ${usesText(nodes)}.`),
    ...(Object.keys(left).length === 0
      ? [`No other key is in use: persona keys retire ${ring} ID removes an older one.`]
      : []),
  ];
  const isIncomplete = unreadable > 0 || conflicts > 0;
  return {
    document: rotation,
    text: lines.join('\n'),
    ...(isIncomplete && { exitCode: ExitCode.failed }),
  };
}
