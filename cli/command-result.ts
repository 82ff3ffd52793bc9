/** What a command answers: a document for programs, and the same in words for people. */
export interface CommandResult {
  /** `--json` prints it, in the REST shape where REST has one. */
  document: unknown;
  text: string;
  /** Default 0. */
  exitCode?: number;
}
