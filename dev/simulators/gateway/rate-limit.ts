/** Stripe's rate limiting: 429, with the time after which to retry. */

import { GatewayError } from './errors.ts';
import { ScriptError } from './steps.ts';

export class RateLimit {
  #refusals = 0;
  #retryAfter = '1';

  /**
   * Refuses the next requests: `{requests, retry_after_s?}`.
   * @throws ScriptError
   */
  refuse(input: unknown): object {
    const { requests, retry_after_s = 1 } = (input ?? {}) as Record<string, unknown>;
    if (typeof requests !== 'number' || !(requests >= 0))
      throw new ScriptError('requests: must be a number, 0 or more');
    if (typeof retry_after_s !== 'number' || !(retry_after_s >= 0))
      throw new ScriptError('retry_after_s: must be a number of seconds, 0 or more');
    this.#refusals = requests;
    this.#retryAfter = String(retry_after_s);
    return { requests, retry_after_s };
  }

  /** @throws GatewayError as Stripe refuses a request above the limit; nothing was executed */
  admit(header: (name: string, value: string) => void): void {
    if (this.#refusals === 0) return;
    this.#refusals -= 1;
    header('retry-after', this.#retryAfter);
    const message = 'Request rate limit exceeded.';
    throw new GatewayError(
      429,
      { type: 'invalid_request_error', code: 'rate_limit', message },
      { executed: false },
    );
  }
}
