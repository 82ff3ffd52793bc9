/** What may not be charged when it was claimed, by the log. */

import { type ObservedState, isPersonaCharge, type LedgerEntry } from './observed-state.ts';

/** Bank debits of the plan take one currency. */
const DEBIT_CURRENCY: Record<string, string> = { us_bank_account: 'USD', sepa_debit: 'EUR' };
/** Claims of different customers have no order in common but the time, which is taken before their transactions commit. */
const OVERLAP_MS = 10_000;

/** Every claim that came after something which forbids it, whatever became of it. */
export function forbiddenClaims({ attempts, events }: ObservedState): string[] {
  return [...claimsAfterStop(events), ...claimsOnDeadCards(attempts, events), ...refusedRequests(events)];
}

/** Nothing is claimed for an obligation after a STOP or a FRAUD of it, unless it was opened anew. */
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

/** Nothing is claimed on any token of a card that a decline called dead, whoever holds it. */
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

/** No method of the wallet makes the gateway refuse the request itself. */
function refusedRequests(events: ObservedState['events']): string[] {
  return events.flatMap(({ type, data }) =>
    type === 'RecoveryAttempted' && data.source === 'recovery' && data.class === 'CONFIG'
      ? [`${data.key} was refused as ${data.rule}`]
      : [],
  );
}

/** Every charge of Persona's that moved money. */
export function forbiddenCharges(observed: ObservedState): string[] {
  return observed.ledger
    .filter((entry) => isPersonaCharge(entry) && movesMoney(entry))
    .flatMap((entry) => chargeProblems(entry, observed));
}

const movesMoney = ({ status }: LedgerEntry) => ['succeeded', 'refunded', 'processing'].includes(status);

/** Was it allowed when it was claimed? */
function chargeProblems(entry: LedgerEntry, { cards, obligations, events }: ObservedState): string[] {
  const { payment_id, payment_method: token } = entry;
  const key = String(entry.idempotency_key);
  const problem = (what: string) => [`${key} charged ${what}`];
  const card = cards[token];
  const obligation = obligations.find((one) => one.payment_id === payment_id);
  if (card === undefined || obligation === undefined) return problem('what nobody knows of');
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
  if (claim.method !== card.method || method === undefined) return problem('another card than it claimed');
  if (claim.customer !== 'active') return problem(`a customer who was ${claim.customer}`);
  if (method.status !== 'active') return problem(`a card that was ${method.status}`);
  if (method.disputed.size > 0) return problem('a card with a contested charge');
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
  /** Disputes that are open or lost. */
  disputed: Set<string>;
}

const acceptsCurrency = (type: string, currency: string) => (DEBIT_CURRENCY[type] ?? currency) === currency;

function applyDispute(method: Method | undefined, { dispute_ref, state }: Record<string, any>): void {
  if (state === 'open' || state === 'lost') method?.disputed.add(dispute_ref);
  else method?.disputed.delete(dispute_ref);
}

/** The customer's log told again, up to the claim under this key. */
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
