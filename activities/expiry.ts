/** Sees to the cards whose month ends, a part of them at a time. It may be killed anywhere, and run twice. */

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
  /** Hears of each part that was seen to. */
  countCards: (tally: Omit<ExpiryTally, 'failed_ids'>) => void;
  /** Epoch milliseconds. */
  now: () => number;
}

/** What one activity sees to at most. */
const CARDS_PER_ACTIVITY = 10_000;
/** What is read at once, and kept in memory; after it a killed activity is taken up again. */
const CARDS_PER_PAGE = 1_000;
/** Readings of the gateway on the way at once. */
const CONCURRENCY = 8;
/** After so many in a row that the gateway did not answer, the rest of this activity's cards are not asked about. */
const MAX_CONSECUTIVE_FAILURES = 10;
const MAX_FAILED_IDS = 100;

type Customer = { customer_id: string };
type DueCard = ExpiringCard & Customer & { stage: NonNullable<ReturnType<typeof dueStage>> };

/** How far it has come, for whoever takes it up after a crash. */
interface Progress {
  scan: ExpiryScan;
  after?: ExpiryCursor;
  tally: ExpiryTally;
}

export function createExpiryActivities(dependencies: ExpiryDependencies): ExpiryActivities {
  const { graph, policy, countCards, now } = dependencies;
  // Shared by this process's activities: charges and everybody else keep half of what the gateway may be asked.
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

/** @throws PersonaError graph_unavailable: the whole activity is tried again from its last reading on */
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
    // Of one run: what another one has decided, the card says.
    const header = headerOf(event_id, { occurredAt: new Date(now()).toISOString() });
    const step = await advanceCardExpiry(graph, header, { ...ids, expires_on, found, scan });
    if (step.is_to_be_followed)
      await followChange(customer_id, { changed: 'payment_method', event_id, payment_method_id });
    // After the commit. A crash in between costs recoveries nothing: a card that is over is claimed by none. What it keeps
    // from the customer is due in the graph, and the sweep sends it.
    if (step.concerns_recoveries) {
      const openPaymentIds = await getOpenObligations(graph, customer_id);
      await signalRecoveries(openPaymentIds, 'paymentMethodUpdated', { event_id, payment_method_id });
    }
    if (step.notice) await startNotice({ ...step.notice, ...ids });
    return step.result;
  } catch (error) {
    const type = error instanceof PersonaError ? error.type : 'internal';
    if (type === 'graph_unavailable' || type === 'temporal_unavailable') throw error;
    // Erased, or removed for good, since it was read.
    if (type === 'customer_not_found' || type === 'payment_method_not_found') return 'nothing';
    log.warn('A card whose month ends is left to the next run', { ...ids, error });
    return 'failed';
  }
}

/** @throws PersonaError gateway_unavailable, gateway_misconfigured */
async function read(gateway: PaymentGateway, token: string): Promise<GatewayPaymentMethod> {
  const found = await gateway.getPaymentMethod(token);
  // Also what a key of another account would say of every card: no reason to write to anybody.
  if (found === undefined)
    throw new PersonaError('gateway_misconfigured', 'the payment gateway does not know the payment method');
  return found;
}

/** The gateway, not asked any more once it has failed to answer many times in a row. */
function failFast(gateway: PaymentGateway): PaymentGateway {
  let consecutiveFailures = 0;
  return {
    ...gateway,
    async getPaymentMethod(token) {
      if (consecutiveFailures >= MAX_CONSECUTIVE_FAILURES)
        throw new PersonaError(
          'gateway_unavailable',
          'the payment gateway did not answer about others before',
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
