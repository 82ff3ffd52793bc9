/**
 * A separate program that stops everything a stack has started, on its owner's instruction or when the owner is killed,
 * because the channel between them closes either way. Started by `guard.ts`, which defines the instructions.
 */
import { rmSync } from 'node:fs';
import type { Instruction, Stage } from './guard.ts';
import { stopGroups } from './process-groups.ts';

/** Programs finish their work in progress; servers, whose data is deleted anyway, get little time (Neo4j would take 10 s). */
const STAGES: readonly { stage: Stage; graceMs: number }[] = [
  { stage: 'tool', graceMs: 3_000 },
  { stage: 'program', graceMs: 20_000 },
  { stage: 'server', graceMs: 2_000 },
];

const owned = new Map<number, Stage>();
const paths = new Set<string>();
let keep = false;
let stopping: Promise<void> | undefined;

function handleInstruction(instruction: Instruction): void {
  if ('own' in instruction) owned.set(instruction.own, instruction.stage);
  if ('disown' in instruction) owned.delete(instruction.disown);
  if ('remove_at_end' in instruction) paths.add(instruction.remove_at_end);
  if ('leave' in instruction) paths.delete(instruction.leave);
  if ('stop' in instruction) end();
  if ('keep' in instruction) {
    keep = true;
    // The owner may end after this confirmation: from now on only a signal stops the guardian.
    process.send?.('kept');
  }
}

async function stop(): Promise<void> {
  for (const { stage, graceMs } of STAGES) {
    const leaders = [...owned].filter(([, ownedStage]) => ownedStage === stage).map(([leader]) => leader);
    await stopGroups(leaders, graceMs);
  }
  for (const path of paths) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

function end(): void {
  stopping ??= stop();
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, end);
}
process.on('message', handleInstruction);
process.on('disconnect', () => {
  if (keep) setInterval(() => {}, 2 ** 30);
  else end();
});
