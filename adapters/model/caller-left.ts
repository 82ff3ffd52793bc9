/** The caller stopped waiting, which says nothing about the server. */
export class CallerLeft extends Error {
  constructor() {
    super('the caller has left');
  }
}

/** The error of a request that `signal` may have ended. A deadline that has passed is the server's: it was too slow. */
export function failureOf(error: unknown, signal: AbortSignal): unknown {
  const isDeadline = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
  return signal.aborted && !isDeadline ? new CallerLeft() : error;
}
