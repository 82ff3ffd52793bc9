/**
 * The contexts that one process has read (docs/decisions/29-context-cache.md). An entry is served while it is younger than
 * `context.maxStalenessMs`, and discarded when a change is reported; it remains a little longer for the case that Neo4j
 * does not respond. A read that started before a change never puts the older context back.
 */

import { LRUCache } from 'lru-cache';
import type { Policy } from '../domain/policy.ts';
import type { ContextChange } from '../domain/ports.ts';
import type { CustomerContextView } from './views.ts';

export interface CachedContext {
  /** Absent: the graph has no such customer. */
  readonly context?: CustomerContextView;
  /** Monotonic milliseconds (`performance.now()`): every write acknowledged before then is visible in the context. */
  readonly asOf: number;
}

export interface ContextCache {
  /** The newest context that is known, however old, up to the limits of the policy. */
  find(customerId: string): CachedContext | undefined;
  /** Whether a request that arrived at `at` (monotonic milliseconds) may be answered with the entry. */
  isFresh(entry: CachedContext, at: number): boolean;
  /** Whether the entry has every change of this customer that was reported. */
  hasReportedChanges(customerId: string, entry: CachedContext): boolean;
  /** Keeps the entry unless it is outdated, or older than what is kept. */
  keep(customerId: string, entry: CachedContext): void;
  /** Discards what the changes have made outdated. */
  invalidate(changes: readonly ContextChange[]): void;
  /** Discards everything; no reading that began before is kept. */
  flush(): void;
  /** Calls `listener` with each customer whose context has changed. */
  onInvalidated(listener: (customerId: string) => void): void;
}

/** Contexts are about 1 KiB each. */
const MAX_CONTEXTS = 20_000;
/** Ids without a customer, kept apart so that requests for invented ids cannot displace contexts. */
const MAX_UNKNOWN = 10_000;
/** Customers with recent changes. Beyond it a late read may put an older context back, until it is too old. */
const MAX_CHANGED = 50_000;
/** Contexts that are too old to be served are removed from memory after at most this time in addition. */
const PURGE_EVERY_MS = 60_000;

/** The changes of one customer that were reported. */
interface ReportedChanges {
  version: number;
  /** When something besides the customer's own stream last changed, in monotonic milliseconds. */
  otherAt: number;
}

export function createContextCache({
  maxStalenessMs,
  maxOutageStalenessMs,
}: Policy['context']): ContextCache {
  const lifetimeMs = Math.max(maxStalenessMs, maxOutageStalenessMs, 1);
  const contexts = new LRUCache<string, CachedContext>({ max: MAX_CONTEXTS, ttl: lifetimeMs });
  const unknown = new LRUCache<string, CachedContext>({ max: MAX_UNKNOWN });
  const changed = new LRUCache<string, ReportedChanges>({
    max: MAX_CHANGED,
    // A read that takes longer is too old to be kept.
    ttl: Math.max(maxStalenessMs, 1),
  });
  let flushedAt = -Infinity;
  const listeners: ((customerId: string) => void)[] = [];
  setInterval(() => contexts.purgeStale(), PURGE_EVERY_MS).unref();

  const isFresh = ({ asOf }: CachedContext, at: number) => asOf + maxStalenessMs > at;
  const hasReportedChanges = (customerId: string, { context, asOf }: CachedContext) => {
    if (asOf <= flushedAt) return false;
    const reported = changed.get(customerId);
    return reported === undefined || (versionOf(context) >= reported.version && asOf > reported.otherAt);
  };

  const invalidateOne = ({ customer_id, version }: ContextChange) => {
    const before = changed.get(customer_id) ?? { version: 0, otherAt: -Infinity };
    changed.set(
      customer_id,
      version === undefined
        ? { ...before, otherAt: performance.now() }
        : { ...before, version: Math.max(version, before.version) },
    );
    const entry = contexts.get(customer_id);
    if (entry !== undefined && !hasReportedChanges(customer_id, entry)) contexts.delete(customer_id);
    unknown.delete(customer_id);
    for (const listener of listeners) listener(customer_id);
  };

  return {
    find: (customerId) => contexts.get(customerId) ?? unknown.get(customerId),
    isFresh,
    hasReportedChanges,
    keep(customerId, entry) {
      const now = performance.now();
      if (!isFresh(entry, now) || !hasReportedChanges(customerId, entry)) return;
      if (entry.context === undefined) {
        if (contexts.get(customerId) === undefined) unknown.set(customerId, entry);
        return;
      }
      const kept = contexts.get(customerId);
      if (kept !== undefined && isFresh(kept, now) && !isNewer(entry, kept)) return;
      contexts.set(customerId, entry, { ttl: Math.max(1, entry.asOf + lifetimeMs - now) });
      unknown.delete(customerId);
    },
    invalidate(changes) {
      for (const change of changes) invalidateOne(change);
    },
    flush() {
      flushedAt = performance.now();
      contexts.clear();
      unknown.clear();
    },
    onInvalidated: (listener) => void listeners.push(listener),
  };
}

function isNewer(entry: CachedContext, kept: CachedContext): boolean {
  const difference = versionOf(entry.context) - versionOf(kept.context);
  return difference === 0 ? entry.asOf >= kept.asOf : difference > 0;
}

function versionOf(context: CustomerContextView | undefined): number {
  return context?.version ?? 0;
}
