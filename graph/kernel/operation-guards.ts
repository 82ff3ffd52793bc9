/**
 * Lets a process refuse operations instead of waiting for a server that is failing: each read outside commands and each
 * command passes through its guard once, with its retries.
 */
export interface OperationGuards {
  readonly read: <T>(read: () => Promise<T>) => Promise<T>;
  readonly command: <T>(command: () => Promise<T>) => Promise<T>;
}

export const noGuards: OperationGuards = { read: (read) => read(), command: (command) => command() };
