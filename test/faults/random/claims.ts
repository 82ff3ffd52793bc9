/** Claims and charges that were forbidden at the time of the claim, according to the log. */

import { type ObservedState, isPersonaCharge, type LedgerEntry } from './observed-state.ts';

/** The one currency that each type of bank debit in the plan supports. */
const DEBIT_CURRENCY: Record<string, string> = { us_bank_account: 'USD', sepa_debit: 'EUR' };
/** Claims of different customers are ordered only by time, which is taken before their transactions commit. */
const OVERLAP_MS = 10_000;

/** Every claim after an event that forbids it, regardless of its outcome. */
export function forbiddenClaims({ attempts, events }: ObservedState): string[] {
  return [...claimsAfterStop(events), ...claimsOnDeadCards(attempts, events), ...refusedRequests(events)];
}

/** Claims for an obligation after a STOP or a FRAUD of it, unless it was reopened. */
function claimsAfterStop(events: ObservedState['events']): string[] {
  const stoppedBy = new Map<string, string>();
  return events.flatMap(({ type, data }) => {
    if (type === 'RecoveryReopened') stoppedBy.delete(data.payment_id);
    const ends = data.state === 'declined' && (data.class === 'STOP' || data.class === 'FRAUD');
    if (type === 'RecoveryAttempted' && ends) stoppedBy.set(data.payment_id, data.class);
    const declineClass = type === 'ChargeClaimed' ? stoppedBy.get(data.payment_id) : undefined;
    return declineClass ? [`${data.key} was claimed after ${declineClass}`] : [];
  });
}

/** Claims on any token of a card that a decline reported as dead, at any customer. */
function claimsOnDeadCards(attempts: ObservedState['attempts'], events: ObservedState['events']): string[] {
  const cards = new Map(attempts.map((attempt) => [attempt.key, attempt] as const));
  const dead = events.flatMap(({ type, data, at, customer_id }, index) => {
    const attempt = cards.get(data.key);
    const marksDead = type === 'RecoveryAttempted' && data.card_dead && data.state === 'declined';
    return marksDead && attempt?.card_dead && attempt.fingerprint !== null
      ? [{ fingerprint: attempt.fingerprint, index, at, customer_id }]
      : [];
  });
  return events.flatMap(({ type, data, at, customer_id }, index) => {
    const fingerprint = type === 'ChargeClaimed' ? cards.get(data.key)?.fingerprint : undefined;
    const wasDead = dead.some(
      (one) =>
        one.fingerprint === fingerprint &&
        (one.customer_id === customer_id ? one.index < index : one.at + OVERLAP_MS < at),
    );
    return wasDead ? [`${data.key} was claimed on a card that is dead`] : [];
  });
}

/** Charges whose request the gateway refused as invalid. */
function refusedRequests(events: ObservedState['events']): string[] {
  return events.flatMap(({ type, data }) =>
    type === 'RecoveryAttempted' && data.source === 'recovery' && data.class === 'CONFIG'
      ? [`${data.key} was refused as ${data.rule}`]
      : [],
  );
}

/** Forbidden charges among those of Persona that moved money. */
export function forbiddenCharges(observed: ObservedState): string[] {
  return observed.ledger
    .filter((entry) => isPersonaCharge(entry) && movesMoney(entry))
    .flatMap((entry) => chargeProblems(entry, observed));
}

const movesMoney = ({ status }: LedgerEntry) => ['succeeded', 'refunded', 'processing'].includes(status);

/** Why the charge was forbidden when it was claimed, if it was. */
function chargeProblems(entry: LedgerEntry, { cards, obligations, events }: ObservedState): string[] {
  const { payment_id, payment_method: token } = entry;
  const key = String(entry.idempotency_key);
  const problem = (what: string) => [`${key} charged ${what}`];
  const card = cards[token];
  const obligation = obligations.find((one) => one.payment_id === payment_id);
  if (card === undefined || obligation === undefined) return problem('an unknown card or payment');
  if (card.customer !== obligation.customer_id || entry.customer !== `cus_${card.customer}`)
    return problem("another customer's card");
  if (entry.amount !== obligation.amount || entry.currency.toUpperCase() !== obligation.currency)
    return problem(`${entry.amount} ${entry.currency} for ${obligation.amount} ${obligation.currency}`);
  const claim = stateAtClaim(
    key,
    events.filter((event) => event.customer_id === card.customer),
  );
  if (claim === undefined) return problem('without a claim');
  const method = claim.methods.get(claim.method);
  if (claim.method !== card.method || method === undefined)
    return problem('a different card than it claimed');
  if (claim.customer !== 'active') return problem(`a customer who was ${claim.customer}`);
  if (method.status !== 'active') return problem(`a card that was ${method.status}`);
  if (method.disputed.size > 0) return problem('a card with a disputed charge');
  if (!acceptsCurrency(method.gateway_type, obligation.currency))
    return problem(`${obligation.currency} on a method of type ${method.gateway_type}`);
  if (!method.proven) return problem("a card that was not proven to be the customer's");
  return method.consent ? [] : problem('a card without consent');
}

interface Method {
  status: string;
  consent: boolean;
  proven: boolean;
  awaitsIdentifierId: string | null;
  /** The gateway's name for its type. */
  gateway_type: string;
  /** Its disputes that are open or lost. */
  disputed: Set<string>;
}

const acceptsCurrency = (type: string, currency: string) => (DEBIT_CURRENCY[type] ?? currency) === currency;

function applyDispute(method: Method | undefined, { dispute_ref, state }: Record<string, any>): void {
  if (state === 'open' || state === 'lost') method?.disputed.add(dispute_ref);
  else method?.disputed.delete(dispute_ref);
}

/** The customer's log, replayed up to the claim with this key. */
function stateAtClaim(key: string, events: ObservedState['events']) {
  const methods = new Map<string, Method>();
  let customer = 'active';
  const change = (id: string, changes: Partial<Method>) => {
    const method = methods.get(id);
    if (method) Object.assign(method, changes);
  };
  for (const { type, data } of events) {
    switch (type) {
      case 'CustomerStatusChanged':
        customer = data.new_status;
        break;
      case 'PaymentMethodAdded':
        methods.set(data.payment_method_id, {
          status: 'unverified',
          consent: data.off_session_consent,
          proven: data.proven,
          awaitsIdentifierId: data.awaits_identifier_id,
          gateway_type: 'card',
          disputed: new Set(),
        });
        break;
      case 'PaymentMethodUpdated':
        if (data.gateway_type) change(data.payment_method_id, { gateway_type: data.gateway_type });
        break;
      case 'PaymentMethodDisputed':
        applyDispute(methods.get(data.payment_method_id), data);
        break;
      case 'PaymentMethodStatusChanged':
        change(data.payment_method_id, { status: data.new_status });
        break;
      case 'PaymentMethodRemoved':
        change(data.payment_method_id, { status: 'removed' });
        break;
      case 'PaymentMethodUsed':
        change(data.payment_method_id, { proven: data.proven });
        break;
      case 'ConsentChanged':
        change(data.payment_method_id, { consent: data.off_session_consent });
        break;
      case 'DigitalIdentifierVerified':
        for (const method of methods.values())
          if (method.awaitsIdentifierId === data.identifier_id) method.proven = true;
        break;
      case 'ChargeClaimed':
        if (data.key === key) return { customer, methods, method: data.payment_method_id as string };
    }
  }
  return undefined;
}
