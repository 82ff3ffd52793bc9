/** Contested charges: what a dispute, or an early warning of the card's bank, means for the method that was charged. */

/**
 * How a dispute stands. `warning_closed`: the bank asked, and left it at that. `early_warning`: no dispute yet; the bank
 * says that the charge may be fraud.
 */
export type DisputeState = 'open' | 'lost' | 'won' | 'warning_closed' | 'early_warning';

export interface Dispute {
  /** The gateway's id of the dispute, or of the early warning. */
  dispute_ref: string;
  /** The gateway's word for it, e.g. `fraudulent`, `product_not_received`; of an early warning the type of fraud. */
  reason: string;
  state: DisputeState;
}

/** The reason by which cardholder and bank call the charge fraud. */
const FRAUDULENT = 'fraudulent';

/** While it stands, the method is not charged without its customer, and is not the default. */
export function restrictsMethod(state: DisputeState): boolean {
  return state === 'open' || state === 'lost';
}

/**
 * Does the card's bank know of fraud? A dispute that is over in our favour when it is first read teaches nothing: the
 * bank has decided that the charge was the cardholder's.
 */
export function isKnownFraud({ reason, state }: Pick<Dispute, 'reason' | 'state'>): boolean {
  return state === 'early_warning' || (reason === FRAUDULENT && restrictsMethod(state));
}

/** What the graph keeps of a method's disputes: one `ref:state` each, the one that changed last at the end. */
export function withDispute(
  stored: readonly string[],
  { dispute_ref, state }: Pick<Dispute, 'dispute_ref' | 'state'>,
): string[] {
  return [...stored.filter((one) => !one.startsWith(`${dispute_ref}:`)), `${dispute_ref}:${state}`];
}

/** Does any of a method's disputes stand? Each has to be over for itself. */
export function isDisputed(stored: readonly string[]): boolean {
  return stored.some((one) => restrictsMethod(stateOf(one)));
}

/** Was known fraud learnt from this dispute before? */
export function isFraudAlreadyKnown(stored: readonly string[], { dispute_ref, reason }: Dispute): boolean {
  const known = stored.find((one) => one.startsWith(`${dispute_ref}:`));
  return known !== undefined && isKnownFraud({ reason, state: stateOf(known) });
}

/** Has the card's bank called a charge on it fraud, without disputing it? */
export function hasEarlyWarning(stored: readonly string[]): boolean {
  return stored.some((one) => stateOf(one) === 'early_warning');
}

/** Those that stand, with their states. */
export function restrictingDisputes(stored: readonly string[]): Pick<Dispute, 'dispute_ref' | 'state'>[] {
  return stored
    .map((one) => ({ dispute_ref: one.slice(0, one.lastIndexOf(':')), state: stateOf(one) }))
    .filter(({ state }) => restrictsMethod(state));
}

function stateOf(stored: string): DisputeState {
  return stored.slice(stored.lastIndexOf(':') + 1) as DisputeState;
}
