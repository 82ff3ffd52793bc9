import { ExponentialBackoff, handleType, retry } from 'cockatiel';
import { ERRORS, PersonaError } from '../../domain/errors.ts';
import type { Onboard } from './import-file.ts';

const INITIAL_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;
/** With these delays about a minute: a server that restarts is waited for; one that is gone ends the import. */
const MAX_RETRIES = 10;

/** Repeats a line whose server was busy or away for a moment; it repeats nothing, since a transaction is carried out once. */
export function withRetries(onboard: Onboard): Onboard {
  const policy = retry(
    handleType(PersonaError, ({ type }) => ERRORS[type].retryable),
    {
      maxAttempts: MAX_RETRIES,
      backoff: new ExponentialBackoff({ initialDelay: INITIAL_DELAY_MS, maxDelay: MAX_DELAY_MS }),
    },
  );
  return (request) => policy.execute(() => onboard(request));
}
