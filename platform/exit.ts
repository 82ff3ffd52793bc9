import { PersonaError } from '../domain/errors.ts';
import { EnvironmentError } from './environment.ts';
import { PolicyError } from './policy.ts';

/** `EX_CONFIG` of sysexits.h: a restart will not help until the configuration is changed. */
const EXIT_CONFIGURATION = 78;

/** Ends a process that cannot continue. A known error is printed as its message, any other with its stack. */
export function exitWithError(error: unknown): never {
  const isPersonaError = error instanceof PersonaError;
  const isConfiguration =
    error instanceof EnvironmentError ||
    error instanceof PolicyError ||
    (isPersonaError && error.type === 'key_unavailable');
  console.error(isConfiguration || isPersonaError ? error.message : error);
  process.exit(isConfiguration ? EXIT_CONFIGURATION : 1);
}
