import { cancellationSignal, sleep } from '@temporalio/activity';

/**
 * Processes items concurrently, at no more than `perSecond` over all calls together. The first failure ends the call, once
 * the work in progress has ended; so does the activity's cancellation.
 */
export function createRateLimitedPool({
  concurrency,
  perSecond,
}: {
  concurrency: number;
  perSecond: number;
}) {
  let next = 0;
  const turn = async () => {
    const now = performance.now();
    const wait = next - now;
    next = Math.max(next, now) + 1000 / perSecond;
    if (wait > 0) await sleep(wait);
    cancellationSignal().throwIfAborted();
  };
  return async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
    const queue = items.values();
    let failed = false;
    const worker = async () => {
      for (const item of queue) {
        if (failed) return;
        try {
          await turn();
          await work(item);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: concurrency }, worker));
    const failure = ended.find((one) => one.status === 'rejected');
    if (failure) throw failure.reason;
  };
}
