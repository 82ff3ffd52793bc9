import { PersonaError } from '../domain/errors.ts';
import { EnvironmentError } from './environment.ts';
import { PolicyError } from './policy.ts';

/** `EX_CONFIG` of sysexits.h: nothing will change until somebody edits the configuration. */
const EXIT_CONFIGURATION = 78;

/** Ends a process that cannot go on. What a person can act on is one message; anything else is a bug, and shows where. */
export function exitWithError(error: unknown): never {
  const isPersonaError = error instanceof PersonaError;
  const isConfiguration =
    error instanceof EnvironmentError ||
    error instanceof PolicyError ||
    (isPersonaError && error.type === 'key_unavailable');
  console.error(isConfiguration || isPersonaError ? error.message : error);
  process.exit(isConfiguration ? EXIT_CONFIGURATION : 1);
}
