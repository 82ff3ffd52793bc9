import { availableParallelism, cpus, totalmem, type } from 'node:os';
import { versions } from '../dev/stack/versions.ts';

/** The machine that a figure was measured on. */
export interface Machine {
  cpu: string;
  cores: number;
  memory_gb: number;
  system: string;
  node: string;
  neo4j: string;
  temporal: string;
}

/** This machine, and the versions of the servers that the benchmarks start. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${process.arch}`,
    node: process.version,
    neo4j: versions.neo4j.version,
    temporal: versions.temporal.version,
  };
}
