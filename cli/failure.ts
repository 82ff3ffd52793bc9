/** Exit codes of commands (docs/reference/interfaces.md, 'Command line'), and what a failed command reports. */

import { ERRORS, type ErrorType, PersonaError } from '../domain/errors.ts';
import { EnvironmentError } from '../platform/environment.ts';
import { PolicyError } from '../platform/policy.ts';

export const ExitCode = {
  success: 0,
  /** Differences found, a failed check, a refusal, not found. */
  failed: 1,
  usageError: 2,
  unreachable: 3,
} as const;

/** RFC 9457, as in REST's responses. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: { pointer: string; message: string }[];
}

/** A command that failed. */
export class CliFailure extends Error {
  readonly exitCode: number;
  /** Printed by `--json`; absent if the command was never tried. */
  readonly problem?: Problem;

  constructor(exitCode: number, message: string, problem?: Problem) {
    super(message);
    this.name = 'CliFailure';
    this.exitCode = exitCode;
    this.problem = problem;
  }
}

const HTTP_UNREACHABLE: ReadonlySet<number> = new Set([502, 503, 504]);

/** The failure for a problem document. 502 to 504 mean that a server behind the API is unreachable. */
export function failureFromProblem(problem: Problem): CliFailure {
  const lines = (problem.errors ?? []).map(({ pointer, message }) => `${fieldOf(pointer)}: ${message}`);
  const code = HTTP_UNREACHABLE.has(problem.status) ? ExitCode.unreachable : ExitCode.failed;
  // A detail that only repeats the field problems is omitted.
  const head =
    lines.join('; ') === problem.detail ? `${problem.title}:` : `${problem.title}: ${problem.detail}`;
  return new CliFailure(code, [head, ...lines.map((line) => `  ${line}`)].join('\n'), problem);
}

/** `#/a/0/b` in the usual notation: `a[0].b`. */
function fieldOf(pointer: string): string {
  const path = pointer
    .replace(/^#\/?/, '')
    .replaceAll('/', '.')
    .replaceAll(/\.(\d+)(?=\.|$)/g, '[$1]');
  return path || 'the request';
}

/** An error of the catalogue as a problem document. */
export function problemOf(type: ErrorType, detail: string): Problem {
  const { title, http } = ERRORS[type];
  return { type: `urn:persona:error:${type}`, title, status: http, detail };
}

const MISSING_KEY = /^ *(PERSONA_KEYS|PERSONA_BLIND_KEYS|TEMPORAL_CODEC_KEYS): is missing/m;
const KEYS_HINT =
  "\nUse the keys of the installation that this command addresses. 'npm start' stores the keys that it generates in .persona/run.env, where this command finds them.";

/** The failure for anything thrown; `undefined`: a bug in Persona. */
export function toFailure(thrown: unknown): CliFailure | undefined {
  if (thrown instanceof CliFailure) return thrown;
  if (thrown instanceof EnvironmentError || thrown instanceof PolicyError)
    return new CliFailure(
      ExitCode.usageError,
      `${thrown.message}${MISSING_KEY.test(thrown.message) ? KEYS_HINT : ''}`,
    );
  if (!(thrown instanceof PersonaError)) return undefined;
  const errors = thrown.problems.map(({ field, message }) => ({ pointer: `#/${field}`, message }));
  return failureFromProblem({
    ...problemOf(thrown.type, thrown.message),
    ...(errors.length > 0 && { errors }),
  });
}
