import { validationError } from '../../domain/errors.ts';
import type { FraudChanges, FraudEvents } from '../../domain/events/fraud.ts';
import type { FraudOutcomeReport } from '../../domain/fraud/messages.ts';
import { suspensionNotificationId } from '../../domain/workflow-contracts.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { CommandTx } from '../kernel/command-tx.ts';
import type { Graph } from '../kernel/graph.ts';
import { lockIdentities } from '../kernel/identity-locks.ts';
import { runReportCommand } from '../recovery/accepted-reports.ts';
import { getOpenObligations } from '../recovery/queries.ts';
import { CLOCK_SKEW_MS } from '../recovery/refusal.ts';
import { openWallet, type Wallet } from '../wallet/wallet.ts';
import { readCaseChanges } from './case-holds.ts';
import { type CaseCustomer, FraudCase } from './fraud-case.ts';

export interface FraudResult {
  /** False: the outcome is older than the case's last one, or the review was already over; nothing changed. */
  applied: boolean;
  customer_status: 'active' | 'suspended';
  /** Whether this outcome changed the customer's status. */
  customer_status_changed: boolean;
  /** Methods that may be charged again. */
  restored: string[];
  /** Payments whose open recoveries are to be signalled, if the customer's status changed or a method was restored. */
  recoveries: string[];
  /** The customer's. */
  version: number;
}

const CASE = `
  MATCH (f:FraudCase {case_id: $case_id})
  RETURN f.customer_id AS customer_id, f.last_occurred_at AS last_occurred_at, f.applied AS applied, f.state AS state,
    f.notice_at AS notice_at`;

interface CaseRow {
  customer_id: string;
  last_occurred_at: string;
  /** `FraudChanges` as JSON. */
  applied: string;
  state: string;
  /** When the notice of a suspension by this case became due. */
  notice_at: string | null;
}

/** A case with everything that its outcomes may change, read under lock. */
export interface LockedCase {
  customer: CaseCustomer;
  wallet: Wallet;
  known?: CaseRow;
  /** The changes by other cases of the customer that have not been undone. */
  otherCases: FraudChanges[];
}

/** @throws PersonaError customer_not_found, invalid_argument (another customer's case) */
export async function lockCase(
  tx: CommandTx,
  { case_id, customer_id }: { case_id: string; customer_id: string },
): Promise<LockedCase> {
  lockIdentities(tx, [`fraud-case:${case_id}`]);
  const [customer, [known], otherCases, wallet] = await Promise.all([
    tx.lockCustomer(customer_id),
    tx.run<CaseRow>(CASE, { case_id }),
    readCaseChanges(tx, { customer_id, except: case_id }),
    openWallet(tx, customer_id),
  ]);
  if (known !== undefined && known.customer_id !== customer_id)
    throw validationError([{ field: 'customer_id', message: `is not the customer of the case ${case_id}` }]);
  return {
    customer: customer as CaseCustomer,
    wallet,
    ...(known && { known }),
    otherCases,
  };
}

/**
 * Applies Chimera's outcome of a fraud case, stores the previous values (docs/reference/workflows.md, 'applyFraudOutcome'), and deletes the
 * message's accepted report. The outcomes of a case count in the order in which they happened; `cleared` undoes the
 * changes by the case that were not overwritten since.
 * @param header.occurredAt the message's `occurred_at`
 * @throws PersonaError invalid_argument (a score outside 0–1, another customer's case, a time in the future),
 * customer_not_found, device_not_found, payment_method_not_found, idempotency_key_reused
 */
export async function applyFraudOutcome(
  graph: Graph,
  header: CommandHeader,
  message: FraudOutcomeReport,
): Promise<FraudResult> {
  const { case_id, customer_id, new_trust_score: score, ...report } = message;
  if (score !== undefined && !(score >= 0 && score <= 1))
    throw validationError([{ field: 'new_trust_score', message: 'must be between 0 and 1' }]);
  // A time far in the future would make every later outcome of the case appear older.
  if (Date.parse(header.occurredAt) > graph.now() + CLOCK_SKEW_MS)
    throw validationError([{ field: 'occurred_at', message: 'must not be in the future' }]);
  const command = {
    name: 'applyFraudOutcome',
    body: message,
    report: { kind: 'fraud_outcome', message } as const,
  };
  return runReportCommand(graph, header, command, async (tx) => {
    const lockedCase = await lockCase(tx, { case_id, customer_id });
    if (lockedCase.known !== undefined && tx.header.occurredAt < lockedCase.known.last_occurred_at)
      return unchanged(lockedCase);
    return applyCaseChange(tx, { ...lockedCase, case_id }, { ...report, new_trust_score: score });
  });
}

/** The outcome or decision that is applied to a case, and its reason. */
export type CaseChange = Pick<FraudEvents['FraudOutcomeApplied'], 'outcome' | 'reason'> &
  Pick<FraudOutcomeReport, 'device_id' | 'payment_method_id' | 'new_trust_score'>;

/** Applies an outcome, or a review decision, to a locked case. */
export async function applyCaseChange(
  tx: CommandTx,
  lockedCase: LockedCase & { case_id: string },
  change: CaseChange,
): Promise<FraudResult> {
  const { case_id, customer, wallet, known, otherCases } = lockedCase;
  const { outcome, reason, device_id = null, payment_method_id = null } = change;
  const before = customer.status;
  const changes = known === undefined ? NO_CHANGES : (JSON.parse(known.applied) as FraudChanges);
  const fraudCase = new FraudCase(tx, {
    ...{ customer, wallet, changes, otherCases },
    reason: `fraud case ${case_id}`,
  });
  await applyOutcome(fraudCase, change);
  const customer_status_changed = customer.status !== before;
  // A case notifies its customer once: a notification has one id (docs/reference/workflows.md, 'Notices').
  const suspends = customer_status_changed && customer.status === 'suspended';
  const notice = suspends && !known?.notice_at ? { notice: suspensionNotificationId(case_id) } : {};
  const { changes: applied, restored } = fraudCase;
  tx.append({
    stream: 'customer',
    stream_id: customer.id,
    type: 'FraudOutcomeApplied',
    data: { case_id, outcome, reason, device_id, payment_method_id, applied, ...notice },
  });
  const concernsRecoveries = customer_status_changed || restored.length > 0;
  return {
    applied: true,
    customer_status: customer.status,
    customer_status_changed,
    restored,
    recoveries: concernsRecoveries ? await getOpenObligations(tx, customer.id) : [],
    version: tx.versionOf(customer.id),
  };
}

export function unchanged({ customer }: LockedCase): FraudResult {
  const { status: customer_status, version } = customer;
  return {
    ...{ applied: false, customer_status, customer_status_changed: false },
    ...{ restored: [], recoveries: [], version },
  };
}

const NO_CHANGES: FraudChanges = { devices: [], payment_methods: [], customer: null };

async function applyOutcome(fraudCase: FraudCase, change: CaseChange): Promise<void> {
  const { outcome, device_id, payment_method_id, new_trust_score } = change;
  if (outcome === 'cleared') await fraudCase.undo();
  // Persona's clock does not determine the order of Chimera's observations.
  if (outcome === 'cleared_in_review') await fraudCase.undo({ keepObservedAt: true });
  const score = new_trust_score ?? (outcome === 'confirmed_fraud' ? 0 : undefined);
  if (device_id !== undefined) await fraudCase.rateDevice(device_id, score);
  if (payment_method_id !== undefined) fraudCase.markMethod(payment_method_id, METHOD_STATUS[outcome]);
  if (outcome === 'confirmed_fraud' || outcome === 'suspended_in_review') fraudCase.suspend();
}

/** The status that an outcome gives the method that it names. */
const METHOD_STATUS: Readonly<Record<CaseChange['outcome'], 'failed' | 'compromised' | undefined>> = {
  challenge_passed: undefined,
  challenge_failed: 'failed',
  suspected: 'failed',
  suspended_in_review: undefined,
  cleared_in_review: undefined,
  confirmed_fraud: 'compromised',
  cleared: undefined,
};
