/** Processes expiring cards, in batches. It may be killed at any point, and run twice. */

import { activityInfo, cancellationSignal, heartbeat, log } from '@temporalio/activity';
import { monthOf } from '../domain/expiry/calendar.ts';
import { dueStage, type ExpiryScan } from '../domain/expiry/candidates.ts';
import { PersonaError } from '../domain/errors.ts';
import type { Policy } from '../domain/policy.ts';
import type { GatewayPaymentMethod, PaymentGateway } from '../domain/ports.ts';
import type { CardStep } from '../graph/expiry/index.ts';
import { advanceCardExpiry } from '../graph/expiry/index.ts';
import {
  type ExpiringCard,
  type Graph,
  getExpiringPaymentMethods,
  getPaymentMethodToken,
} from '../graph/index.ts';
import { getOpenObligations } from '../graph/recovery/index.ts';
import type { ExpiryActivities, ExpiryCursor, ExpiryTally } from '../workflows/monitor-expiring-cards.ts';
import { headerOf } from './command-header.ts';
import { createRateLimitedPool } from './rate-limited-pool.ts';
import type { FollowChange } from './reconciliation-dependencies.ts';
import type { SignalRecoveries } from './recovery.ts';
import type { StartNotice } from './sweep.ts';

export interface ExpiryDependencies {
  graph: Graph;
  gateway: PaymentGateway;
  policy: Policy;
  signalRecoveries: SignalRecoveries;
  followChange: FollowChange;
  startNotice: StartNotice;
  /** Called with the counts of each page. */
  countCards: (tally: Omit<ExpiryTally, 'failed_ids'>) => void;
  /** Epoch milliseconds. */
  now: () => number;
}

/** The most cards that one activity processes. */
const CARDS_PER_ACTIVITY = 10_000;
/** Read by one statement and held in memory; a killed activity resumes after the last complete page. */
const CARDS_PER_PAGE = 1_000;
/** Concurrent reads at the gateway. */
const CONCURRENCY = 8;
/** After this many consecutive failures of the gateway, this activity reads no further cards there. */
const MAX_CONSECUTIVE_FAILURES = 10;
const MAX_FAILED_IDS = 100;

type Customer = { customer_id: string };
type DueCard = ExpiringCard & Customer & { stage: NonNullable<ReturnType<typeof dueStage>> };

/** The checkpoint in the heartbeats, from which an attempt after a crash continues. */
interface Progress {
  scan: ExpiryScan;
  after?: ExpiryCursor;
  tally: ExpiryTally;
}

export function createExpiryActivities(dependencies: ExpiryDependencies): ExpiryActivities {
  const { graph, policy, countCards, now } = dependencies;
  // Shared by this process's activities; half of the gateway's rate limit is left to charges and other requests.
  const inPool = createRateLimitedPool({
    concurrency: CONCURRENCY,
    perSecond: policy.gateway.maxPerSecond / 2,
  });

  return {
    async monitorCards({ scan: initialScan, after: from }) {
      const checkpoint = activityInfo().heartbeatDetails as Progress | undefined;
      const { frequentUseCount: frequent_use_count, stages } = policy.expiry;
      let progress: Progress = checkpoint ?? {
        scan: initialScan ?? { now: now(), stages, frequent_use_count },
        ...(from && { after: from }),
        tally: { scanned: 0, notified: 0, updated: 0, expired: 0, failed: 0, failed_ids: [] },
      };
      const { scan } = progress;
      const gateway = failFast(dependencies.gateway);
      while (progress.tally.scanned < CARDS_PER_ACTIVITY) {
        cancellationSignal().throwIfAborted();
        const { after } = progress;
        const page = { scan, limit: CARDS_PER_PAGE, ...(after && { after }) };
        const { cards, scanned, next } = await getExpiringPaymentMethods(graph, page);
        if (next === undefined) return { scan, tally: progress.tally };
        const tally = { ...progress.tally, scanned: progress.tally.scanned + scanned };
        await inPool(dueOf(cards, scan), async (card) => {
          const result = await processCard({ ...dependencies, gateway }, card, scan);
          count(tally, card, result);
          heartbeat(progress);
        });
        countCards(difference(tally, progress.tally));
        progress = { scan, after: next, tally };
        heartbeat(progress);
      }
      return { scan, tally: progress.tally, ...(progress.after && { next: progress.after }) };
    },
  };
}

function dueOf(cards: readonly ExpiringCard[], scan: ExpiryScan): DueCard[] {
  return cards.flatMap((card) => {
    const { customer_id } = card;
    const stage = dueStage(card, scan);
    return stage === undefined || customer_id === null ? [] : [{ ...card, customer_id, stage }];
  });
}

type Result = CardStep['result'] | 'failed';

/** @throws PersonaError graph_unavailable, temporal_unavailable: the activity is retried from its last checkpoint */
async function processCard(
  { graph, gateway, signalRecoveries, followChange, startNotice, now }: ExpiryDependencies,
  card: DueCard,
  scan: ExpiryScan,
): Promise<Result> {
  const { customer_id, payment_method_id, expires_on, stage } = card;
  const ids = { customer_id, payment_method_id };
  const run = activityInfo().workflowExecution?.runId;
  const event_id = `expiry:${payment_method_id}:${monthOf(expires_on)}:${stage}:${run}`;
  try {
    const found = await read(gateway, (await getPaymentMethodToken(graph, ids)).reveal());
    // The key is that of one run: decisions of other runs are stored in the card.
    const header = headerOf(event_id, { occurredAt: new Date(now()).toISOString() });
    const step = await advanceCardExpiry(graph, header, { ...ids, expires_on, found, scan });
    if (step.is_to_be_followed)
      await followChange(customer_id, { changed: 'payment_method', event_id, payment_method_id });
    // After the commit. A crash in between does not affect recoveries, because an expired card is never claimed. The
    // customer's notice is due in the graph, and the sweep sends it.
    if (step.concerns_recoveries) {
      const openPaymentIds = await getOpenObligations(graph, customer_id);
      await signalRecoveries(openPaymentIds, 'paymentMethodUpdated', { event_id, payment_method_id });
    }
    if (step.notice) await startNotice({ ...step.notice, ...ids });
    return step.result;
  } catch (error) {
    const type = error instanceof PersonaError ? error.type : 'internal';
    if (type === 'graph_unavailable' || type === 'temporal_unavailable') throw error;
    // Erased, or deleted, since it was read.
    if (type === 'customer_not_found' || type === 'payment_method_not_found') return 'nothing';
    log.warn('expiring card left to the next run', { ...ids, error });
    return 'failed';
  }
}

/** @throws PersonaError gateway_unavailable, gateway_misconfigured */
async function read(gateway: PaymentGateway, token: string): Promise<GatewayPaymentMethod> {
  const found = await gateway.getPaymentMethod(token);
  // With another account's API key every card would be unknown: no reason to notify a customer.
  if (found === undefined)
    throw new PersonaError('gateway_misconfigured', 'the payment method is unknown at the payment gateway');
  return found;
}

/** A gateway that fails without a request after several consecutive failures. */
function failFast(gateway: PaymentGateway): PaymentGateway {
  let consecutiveFailures = 0;
  return {
    ...gateway,
    async getPaymentMethod(token) {
      if (consecutiveFailures >= MAX_CONSECUTIVE_FAILURES)
        throw new PersonaError(
          'gateway_unavailable',
          'the payment gateway failed for the preceding cards, and is not called again',
        );
      try {
        const found = await gateway.getPaymentMethod(token);
        consecutiveFailures = 0;
        return found;
      } catch (error) {
        if (error instanceof PersonaError && error.type === 'gateway_unavailable') consecutiveFailures += 1;
        throw error;
      }
    },
  };
}

function count(tally: ExpiryTally, { payment_method_id }: DueCard, result: Result): void {
  if (result === 'nothing') return;
  tally[result] += 1;
  if (result !== 'failed') return;
  tally.failed_ids = [...tally.failed_ids, payment_method_id].slice(0, MAX_FAILED_IDS);
}

function difference(now: ExpiryTally, before: ExpiryTally): Omit<ExpiryTally, 'failed_ids'> {
  return {
    scanned: now.scanned - before.scanned,
    notified: now.notified - before.notified,
    updated: now.updated - before.updated,
    expired: now.expired - before.expired,
    failed: now.failed - before.failed,
  };
}
