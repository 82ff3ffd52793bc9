import { invalid } from '../../domain/errors.ts';
import type { FraudChanges, FraudOutcome } from '../../domain/fraud-events.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { lockIdentities } from '../identity-locks.ts';
import { getOpenObligations } from '../recovery/queries.ts';
import { openWallet } from '../wallet/wallet.ts';
import { FraudCase } from './fraud-case.ts';

export interface FraudReport {
  case_id: string;
  /** `suspended`: what a person decided about a suspicion. */
  outcome: FraudOutcome | 'suspended';
  customer_id: string;
  device_id?: string;
  /** 0 to 1. */
  new_trust_score?: number;
  payment_method_id?: string;
  reason: string;
}

export interface FraudResult {
  /** False: older than what this case has said before, and nothing changed. */
  applied: boolean;
  customer_status: 'active' | 'suspended';
  /** Did this outcome change it? */
  customer_status_changed: boolean;
  /** Where it did, the payments whose open recoveries are to get `customerStatusChanged`. */
  recoveries: string[];
  /** The customer's. */
  version: number;
}

const CASE = `
  MATCH (f:FraudCase {case_id: $case_id})
  RETURN f.customer_id AS customer_id, f.last_occurred_at AS last_occurred_at, f.applied AS applied`;

interface CaseRow {
  customer_id: string;
  last_occurred_at: string;
  /** `FraudChanges` as JSON. */
  applied: string;
}

/**
 * Applies what Chimera found out about a case of fraud, and keeps what was before (specification: workflows, 5). The
 * outcomes of a case count in the order in which they happened; `cleared` undoes what the case did and nobody changed
 * since.
 * @param header.occurredAt when the outcome was found
 * @throws PersonaError invalid_argument (a score outside 0–1, another customer's case), customer_not_found,
 * device_not_found, payment_method_not_found
 */
export async function applyFraudOutcome(
  graph: Graph,
  header: CommandHeader,
  input: FraudReport,
): Promise<FraudResult> {
  const { case_id, customer_id, new_trust_score: score } = input;
  if (score !== undefined && !(score >= 0 && score <= 1))
    throw invalid([{ field: 'new_trust_score', message: 'must be between 0 and 1' }]);
  return runCommand(graph, header, 'applyFraudOutcome', input, async (tx) => {
    lockIdentities(tx, [`fraud-case:${case_id}`]);
    const [customer, [known], wallet] = await Promise.all([
      tx.lockCustomer(customer_id),
      tx.run<CaseRow>(CASE, { case_id }),
      openWallet(tx, customer_id),
    ]);
    if (known !== undefined && known.customer_id !== customer_id)
      throw invalid([{ field: 'customer_id', message: `is not the customer of the case ${case_id}` }]);
    if (known !== undefined && tx.header.occurredAt < known.last_occurred_at) {
      const { status: customer_status, version } = customer;
      return { applied: false, customer_status, customer_status_changed: false, recoveries: [], version };
    }
    const before = customer.status;
    const changes = known === undefined ? NOTHING : (JSON.parse(known.applied) as FraudChanges);
    const fraudCase = new FraudCase(tx, { customer, wallet, changes, reason: `fraud case ${case_id}` });
    await act(fraudCase, input);
    record(tx, input, fraudCase.changes);
    const customer_status_changed = customer.status !== before;
    return {
      applied: true,
      customer_status: customer.status,
      customer_status_changed,
      recoveries: customer_status_changed ? await getOpenObligations(tx, customer_id) : [],
      version: tx.versionOf(customer_id),
    };
  });
}

const NOTHING: FraudChanges = { devices: [], payment_methods: [], customer: null };

async function act(fraudCase: FraudCase, report: FraudReport): Promise<void> {
  const { outcome, device_id, payment_method_id, new_trust_score } = report;
  if (outcome === 'cleared') await fraudCase.undo();
  const score = new_trust_score ?? (outcome === 'confirmed_fraud' ? 0 : undefined);
  if (device_id !== undefined) await fraudCase.rate(device_id, score);
  if (payment_method_id !== undefined) fraudCase.mark(payment_method_id, MARKS[outcome]);
  if (outcome === 'confirmed_fraud' || outcome === 'suspended') fraudCase.suspend();
}

/** What an outcome makes of the method that it names. */
const MARKS: Readonly<Record<FraudReport['outcome'], 'failed' | 'compromised' | undefined>> = {
  challenge_passed: undefined,
  challenge_failed: 'failed',
  suspected: 'failed',
  suspended: undefined,
  confirmed_fraud: 'compromised',
  cleared: undefined,
};

function record(tx: CommandTx, report: FraudReport, applied: FraudChanges): void {
  const { case_id, outcome, reason, customer_id, device_id = null, payment_method_id = null } = report;
  tx.append({
    stream: 'customer',
    stream_id: customer_id,
    type: 'FraudOutcomeApplied',
    data: { case_id, outcome, reason, device_id, payment_method_id, applied },
  });
}
