/** A command's result: a document for programs, and the same as text for operators. */
export interface CommandResult {
  /** Printed by `--json`, in the REST shape where REST has one. */
  document: unknown;
  text: string;
  /** Default 0. */
  exitCode?: number;
}
