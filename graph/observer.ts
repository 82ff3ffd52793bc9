import type { RecordedEvent } from '../domain/events.ts';
import type { CommandHeader } from './command.ts';

/** A command that changed the graph, told of once it is committed. A repeat that was answered from its receipt is none. */
export interface CommittedCommand {
  readonly name: string;
  readonly header: CommandHeader;
  readonly events: readonly RecordedEvent[];
  /** What the command answered. */
  readonly result: unknown;
}

/**
 * What a process may measure of the graph. It is called in the middle of reads and commands: it must be quick and must
 * not throw.
 */
export interface GraphObserver {
  /** @param operation `read`, or a command's name @returns to be called at its end, with what it failed with */
  started(operation: string): (failure?: unknown) => void;
  /** A command met others on its nodes, or lost its connection, and runs again. */
  retried(command: string): void;
  committed(command: CommittedCommand): void;
}

export const noopObserver: GraphObserver = {
  started: () => () => {},
  retried: () => {},
  committed: () => {},
};
