/** What must be true afterwards, from the graph, its log and the gateway's ledger alone. */

export interface Findings {
  /** Every payment whose failure was reported. */
  payments: string[];
  obligations: { payment_id: string; customer_id: string; state: string; amount: number; currency: string }[];
  /** Persona's own. */
  attempts: { key: string; payment_id: string; payment_method_id: string; state: string }[];
  /** Of each customer, in their order. */
  events: { customer_id: string; type: string; data: Record<string, any> }[];
  ledger: LedgerEntry[];
  /** Whose card a token of the gateway is. */
  cards: Record<string, { customer: string; method: string }>;
  /** What GetRecovery says of each payment. */
  phases: Record<string, string | undefined>;
  /** Where graph and log disagree. */
  differences: unknown[];
}

export interface LedgerEntry {
  payment_id: string;
  idempotency_key: string;
  customer: string;
  payment_method: string;
  amount: number;
  currency: string;
  status: string;
}

const STATES = ['open', 'needs_review', 'recovered', 'stopped', 'exhausted', 'paid_elsewhere', 'cancelled'];
/** Where a recovery may stand when nothing is under way. */
const PHASES = ['pending', 'unknown', 'needs_review', 'waiting', 'done'];
/** What an attempt may be, for what the ledger has under its key. `undefined`: nothing at all. */
const AGREES: Record<string, readonly string[]> = {
  succeeded: ['approved'],
  refunded: ['approved'],
  processing: ['pending'],
  failed: ['declined'],
  canceled: ['declined', 'void'],
  undefined: ['declined', 'void', 'unknown'],
};

/** @returns what is wrong, a line each; empty when all is as it must be */
export function check(findings: Findings): string[] {
  const { payments, differences } = findings;
  return [
    ...payments.flatMap((payment) => problemsOf(payment, findings)),
    ...findings.ledger.filter(movesMoney).flatMap((entry) => wrongCharge(entry, findings)),
    ...differences.map((difference) => `graph and log disagree: ${JSON.stringify(difference)}`),
  ];
}

function problemsOf(payment: string, findings: Findings): string[] {
  const obligation = findings.obligations.find((one) => one.payment_id === payment);
  const state = obligation?.state ?? 'unknown to the graph';
  const phase = findings.phases[payment] ?? 'unknown to GetRecovery';
  const paid = findings.ledger.filter(
    (entry) => entry.payment_id === payment && entry.status === 'succeeded',
  );
  const due = state === 'recovered' ? 1 : 0;
  return [
    ...(STATES.includes(state) ? [] : [`${payment} is ${state}`]),
    ...(PHASES.includes(phase) ? [] : [`${payment}: its recovery is ${phase}`]),
    ...(paid.length > 1 ? [`${payment} was charged ${paid.length} times`] : []),
    ...(paid.length === due ? [] : [`${payment} is ${state} and was charged ${paid.length} times`]),
    ...findings.attempts
      .filter((attempt) => attempt.payment_id === payment)
      .flatMap((attempt) => disagreement(attempt, findings.ledger)),
  ];
}

function disagreement(
  { key, state }: Findings['attempts'][number],
  ledger: readonly LedgerEntry[],
): string[] {
  const found = ledger.filter((entry) => entry.idempotency_key === key);
  if (found.length > 1) return [`${key} is in the ledger ${found.length} times`];
  const status = String(found[0]?.status);
  return AGREES[status]?.includes(state)
    ? []
    : [`${key} is ${state} in the graph and ${status} in the ledger`];
}

const movesMoney = ({ status }: LedgerEntry) => ['succeeded', 'refunded', 'processing'].includes(status);

/** Was it allowed when it was claimed? */
function wrongCharge(entry: LedgerEntry, { cards, obligations, events }: Findings): string[] {
  const { idempotency_key: key, payment_id, payment_method: token } = entry;
  const wrong = (what: string) => [`${key} charged ${what}`];
  const card = cards[token];
  const obligation = obligations.find((one) => one.payment_id === payment_id);
  if (card === undefined || obligation === undefined) return wrong('what nobody knows of');
  if (card.customer !== obligation.customer_id || entry.customer !== `cus_${card.customer}`)
    return wrong("another customer's card");
  if (entry.amount !== obligation.amount || entry.currency.toUpperCase() !== obligation.currency)
    return wrong(`${entry.amount} ${entry.currency} for ${obligation.amount} ${obligation.currency}`);
  const claim = worldAtClaim(
    key,
    events.filter((event) => event.customer_id === card.customer),
  );
  if (claim === undefined) return wrong('without a claim');
  const method = claim.methods.get(claim.method);
  if (claim.method !== card.method || method === undefined) return wrong('another card than it claimed');
  if (claim.customer !== 'active') return wrong(`a customer who was ${claim.customer}`);
  if (method.status !== 'active') return wrong(`a card that was ${method.status}`);
  if (!method.proven) return wrong("a card that was not proven to be the customer's");
  return method.consent ? [] : wrong('a card without consent');
}

interface Method {
  status: string;
  consent: boolean;
  proven: boolean;
  awaits: string | null;
}

/** The customer's log told again, up to the claim under this key. */
function worldAtClaim(key: string, events: Findings['events']) {
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
          awaits: data.awaits_identifier_id,
        });
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
        for (const method of methods.values()) if (method.awaits === data.identifier_id) method.proven = true;
        break;
      case 'ChargeClaimed':
        if (data.key === key) return { customer, methods, method: data.payment_method_id as string };
    }
  }
  return undefined;
}
