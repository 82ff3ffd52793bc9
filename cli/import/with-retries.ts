import { ExponentialBackoff, handleType, retry } from 'cockatiel';
import { ERRORS, PersonaError } from '../../domain/errors.ts';
import type { Onboard } from './import-file.ts';

const INITIAL_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;
/** About a minute with these delays: long enough for a restarting server; a longer outage ends the import. */
const MAX_RETRIES = 10;

/** Retries a line whose server was briefly busy or unavailable. This is safe, because a transaction is processed once. */
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
