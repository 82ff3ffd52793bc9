/** Disputes and the issuer's early fraud warnings, and their effect on the charged method. */

/**
 * A dispute's state. `warning_closed`: an inquiry that did not become a dispute. `early_warning`: no dispute yet; the
 * issuer reports that the charge may be fraudulent.
 */
export type DisputeState = 'open' | 'lost' | 'won' | 'warning_closed' | 'early_warning';

export interface Dispute {
  /** The gateway's id of the dispute, or of the early warning. */
  dispute_ref: string;
  /** The gateway's reason, e.g. `fraudulent`, `product_not_received`; for an early warning the fraud type. */
  reason: string;
  state: DisputeState;
}

/** The dispute reason for fraud. */
const FRAUDULENT = 'fraudulent';

/** In these states the method is not charged off-session and is not the default. */
export function restrictsMethod(state: DisputeState): boolean {
  return state === 'open' || state === 'lost';
}

/**
 * Whether the issuer knows of fraud. A dispute that is already won when it is first read says nothing: the issuer has
 * decided that the cardholder made the charge.
 */
export function isKnownFraud({ reason, state }: Pick<Dispute, 'reason' | 'state'>): boolean {
  return state === 'early_warning' || (reason === FRAUDULENT && restrictsMethod(state));
}

/** A method's disputes as the graph stores them: one `ref:state` each, the last changed at the end. */
export function withDispute(
  stored: readonly string[],
  { dispute_ref, state }: Pick<Dispute, 'dispute_ref' | 'state'>,
): string[] {
  return [...stored.filter((one) => !one.startsWith(`${dispute_ref}:`)), `${dispute_ref}:${state}`];
}

/** Whether any of a method's disputes restricts it. Each must be closed separately. */
export function isDisputed(stored: readonly string[]): boolean {
  return stored.some((one) => restrictsMethod(stateOf(one)));
}

/** Whether this dispute has revealed fraud before. */
export function isFraudAlreadyKnown(stored: readonly string[], { dispute_ref, reason }: Dispute): boolean {
  const known = stored.find((one) => one.startsWith(`${dispute_ref}:`));
  return known !== undefined && isKnownFraud({ reason, state: stateOf(known) });
}

/** Whether the issuer has reported a charge on the method as fraud without a dispute. */
export function hasEarlyWarning(stored: readonly string[]): boolean {
  return stored.some((one) => stateOf(one) === 'early_warning');
}

/** The disputes that restrict the method, with their states. */
export function restrictingDisputes(stored: readonly string[]): Pick<Dispute, 'dispute_ref' | 'state'>[] {
  return stored
    .map((one) => ({ dispute_ref: one.slice(0, one.lastIndexOf(':')), state: stateOf(one) }))
    .filter(({ state }) => restrictsMethod(state));
}

function stateOf(stored: string): DisputeState {
  return stored.slice(stored.lastIndexOf(':') + 1) as DisputeState;
}
