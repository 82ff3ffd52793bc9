/** Runs Cypher and returns plain records: the graph itself (auto-commit read), or a command's transaction. */
export interface Reader {
  /** Sees every committed command: in a cluster, the read goes to the member that accepts writes. */
  read<T = Record<string, unknown>>(cypher: string, parameters?: Record<string, unknown>): Promise<T[]>;
}

export interface Sender {
  /** Sends a statement that returns nothing. It runs before the next read or commit; its failure fails the command. */
  send(cypher: string, parameters: Record<string, unknown>): void;
}
