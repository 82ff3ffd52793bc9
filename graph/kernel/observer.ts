import type { RecordedEvent } from '../../domain/events/event.ts';
import type { CommandHeader } from './command-header.ts';

/** A committed command that changed the graph. A repeat that returns the stored result is not one. */
export interface CommittedCommand {
  readonly name: string;
  readonly header: CommandHeader;
  readonly events: readonly RecordedEvent[];
  /** The command's result. */
  readonly result: unknown;
}

/**
 * Lets a process measure its use of the graph. Called during reads and commands: it must be fast and must not throw.
 */
export interface GraphObserver {
  /**
   * @param operation `read`, or a command's name
   * @param cypher of a read
   * @returns called when it ends, with its failure, if any
   */
  started(operation: string, cypher?: string): (failure?: unknown) => void;
  /** A command runs again because of contention or a lost connection. */
  retried(command: string): void;
  committed(command: CommittedCommand): void;
}

export const noopObserver: GraphObserver = {
  started: () => () => {},
  retried: () => {},
  committed: () => {},
};
