import type { Policy } from '../domain/policy.ts';
import type { ContextReading } from '../services/context.ts';
import { createContextCache } from '../services/context-cache.ts';

/** How services read contexts if a test is not about that: with a cache of their own, and without metrics. */
export const contextReading = ({ context }: Policy): ContextReading => ({
  cache: createContextCache(context),
  onRead: () => {},
});
