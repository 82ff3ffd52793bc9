/** The plan of a random run, determined by its seed alone: obligations, gateway behaviour, kills. */

import fc from 'fast-check';
import { below, chance, choice, drawn, either, maybe, weighted } from '../../scenarios/draw.ts';
import { type CardPlan, walletPlan } from '../../scenarios/wallet-plan.ts';

export interface PlanOptions {
  seed: number;
  /** The number of failed payments. */
  obligationCount: number;
  /** The time over which payments and kills are spread; milliseconds. */
  spreadMs: number;
  /** The processes that are killed repeatedly. */
  victims: readonly Victim[];
}

export type Victim = 'worker' | 'api' | 'gateway' | 'neo4j' | 'temporal';

export interface Plan extends PlanOptions {
  /** Each customer's cards. */
  customers: CardPlan[][];
  plannedObligations: {
    customer: number;
    card: number;
    amount: number;
    currency: string;
    decline_code: string;
    /** The report names an external payment at the gateway that the customer may still pay. */
    reported: boolean;
  }[];
  /** In chronological order. */
  actions: PlannedAction[];
}

/** `at`: milliseconds after the start. `of`: index of the obligation. */
export type PlannedAction = { at: number } & (
  | { do: 'report'; of: number; by: 'signal' | 'rest' }
  | { do: 'report_anew' | 'settle' | 'news' | 'cancel' | 'terminate'; of: number }
  // `age`: how much older than the failure it is, in milliseconds; negative: younger.
  | { do: 'report_stop'; of: number; decline_code: string; age: number }
  | { do: 'report_garbage'; of: number }
  | { do: 'settle_wrongly'; of: number; with: MismatchedReference }
  | { do: 'pay_reported'; of: number }
  // `after_own_charge`: only once Persona has collected it, so that it is paid twice.
  | { do: 'pay_otherwise'; of: number; after_own_charge: boolean }
  | { do: 'refund' | 'warn_of_fraud'; of: number }
  | { do: 'dispute'; of: number; reason: string; end: 'won' | 'lost' | null }
  | { do: 'consent'; customer: number; card: number; given: boolean }
  | { do: 'status'; customer: number; card: number; status: 'active' | 'inactive' }
  | { do: 'customer'; customer: number; status: 'active' | 'suspended' }
  // The card is removed, by a service or at the gateway, or reissued by its bank.
  | { do: 'remove'; customer: number; card: number; at_gateway: boolean }
  | { do: 'reissue'; customer: number; card: number }
  | { do: 'kill'; victim: Victim; downtimeMs: number }
  | { do: 'sweep' }
  | { do: 'terminate_transactions' }
);

/** The payment at the gateway that an invalid settlement names. */
export type MismatchedReference = 'another_customer' | 'last_month' | 'unpaid' | 'another_amount' | 'nothing';

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
/** The minimum time between two kills of a victim; milliseconds. */
const BETWEEN_KILLS = 15_000;

export function createPlan(options: PlanOptions): Plan {
  // Without bias: with it fast-check draws extreme values more often than their probability.
  const [plan] = fc.sample(fc.noBias(planArbitrary(options)), { seed: options.seed, numRuns: 1 });
  return plan as Plan;
}

function planArbitrary(options: PlanOptions): fc.Arbitrary<Plan> {
  const { obligationCount, victims, spreadMs } = options;
  const customerCount = Math.max(2, Math.ceil(obligationCount / 2));
  return fc
    .tuple(listOf(customerCount, walletPlan), listOf(obligationCount, plannedObligation(customerCount)))
    .chain(([customers, plannedObligations]) =>
      allOf(
        ...plannedObligations.map((planned, of) => obligationActions(of, planned, options)),
        terminations(options),
        ...customers.map((cards, customer) => walletChange(customer, cards.length, options)),
        ...victims.map((victim) => killActions(victim, options)),
        fc.constant({ at: spreadMs, do: 'sweep' }),
      ).map((actions) => ({
        ...options,
        customers,
        plannedObligations,
        actions: actions.sort((a, b) => a.at - b.at),
      })),
    );
}

const plannedObligation = (customerCount: number): fc.Arbitrary<Plan['plannedObligations'][number]> =>
  drawn({
    customer: below(customerCount),
    // The first card: a report for an unproven card would be refused.
    card: 0,
    amount: below(20_000).map((amount) => 100 + amount),
    currency: weighted({ USD: 17, EUR: 3 }),
    decline_code: weighted({ insufficient_funds: 12, do_not_honor: 2, stolen_card: 1 }),
    reported: chance(15),
  });

const listOf = <Item>(length: number, item: fc.Arbitrary<Item>): fc.Arbitrary<Item[]> =>
  fc.array(item, { minLength: length, maxLength: length });

/** What each of them draws: one action, several, or none. */
const allOf = (
  ...drawnActions: fc.Arbitrary<PlannedAction | PlannedAction[] | undefined>[]
): fc.Arbitrary<PlannedAction[]> =>
  fc.tuple(...drawnActions).map((actions) => actions.flat().filter((action) => action !== undefined));

/** Up to `limit` milliseconds after a time. */
const after = (at: number, limit: number): fc.Arbitrary<number> => below(limit).map((wait) => at + wait);

/** Reports, possibly repeated, settlements, late and duplicate gateway updates, and operator requests. */
function obligationActions(
  of: number,
  { customer, reported }: Plan['plannedObligations'][number],
  { spreadMs }: PlanOptions,
): fc.Arbitrary<PlannedAction[]> {
  return below(spreadMs * 0.8).chain((at) => {
    const before = Math.max(0, at - 1_500);
    const soon = after(at, 6_000);
    const by = weighted({ signal: 1, rest: 1 });
    const gatewayUpdate = drawn({ at: soon, do: 'news', of });
    const settlement = drawn({ at: soon, do: 'settle', of });
    return allOf(
      drawn({ at, do: 'report', of, by }),
      maybe(30, drawn({ at: soon, do: 'report', of, by })),
      maybe(10, drawn({ at: soon, do: 'report_anew', of })),
      maybe(20, allOf(gatewayUpdate, gatewayUpdate)),
      maybe(8, allOf(settlement, settlement)),
      // A settlement that precedes the report.
      maybe(5, drawn({ at: Math.max(0, at - 1_000), do: 'settle', of })),
      maybe(4, drawn({ at: soon, do: 'cancel', of })),
      maybe(5, drawn({ at: soon, do: 'terminate', of })),
      maybe(5, drawn({ at: before, do: 'report_garbage', of })),
      maybe(5, drawn({ at: before, do: 'remove', customer, card: 0, at_gateway: chance(50) })),
      maybe(
        6,
        drawn({
          at: either(30, fc.constant(before), soon),
          do: 'report_stop',
          of,
          decline_code: weighted({
            revocation_of_authorization: 2,
            revocation_of_all_authorizations: 1,
            stop_payment_order: 1,
            stolen_card: 2,
          }),
          age: fc.constantFrom(-SECOND, -SECOND, 5 * SECOND, 5 * SECOND, 20 * DAY),
        }),
      ),
      externalActions(of, { reported, before, soon }),
    );
  });
}

/** External payments, refunds and disputes, and settlements with a wrong reference. */
function externalActions(
  of: number,
  { reported, before, soon }: { reported: boolean; before: number; soon: fc.Arbitrary<number> },
): fc.Arbitrary<PlannedAction[]> {
  const late = soon.chain((at) => after(at, 8_000));
  const beforeOrLate = either(20, fc.constant(before), late);
  const afterSuccess = late.map((at) => at + 2_000);
  return allOf(
    maybe(reported ? 40 : 0, drawn({ at: beforeOrLate, do: 'pay_reported', of })),
    maybe(8, drawn({ at: beforeOrLate, do: 'pay_otherwise', of, after_own_charge: chance(40) })),
    maybe(
      6,
      drawn({
        ...{ at: late, do: 'settle_wrongly', of },
        with: weighted({ another_customer: 3, last_month: 3, unpaid: 2, another_amount: 2, nothing: 1 }),
      }),
    ),
    maybe(6, drawn({ at: afterSuccess, do: 'refund', of })),
    maybe(
      5,
      drawn({
        ...{ at: afterSuccess, do: 'dispute', of },
        reason: weighted({ fraudulent: 3, product_not_received: 7 }),
        end: fc.constantFrom(null, null, 'won', 'lost'),
      }),
    ),
    maybe(2, drawn({ at: afterSuccess, do: 'warn_of_fraud', of })),
  );
}

/** Every few seconds all transactions in progress are terminated, as by an administrator or a server shutdown. */
const terminations = ({ spreadMs }: PlanOptions): fc.Arbitrary<PlannedAction[]> =>
  timesUntil(spreadMs, { firstBelow: 3_000, gap: 500, gapVaries: 4_000 }).map((times) =>
    times.map((at) => ({ at, do: 'terminate_transactions' })),
  );

/** A change of eligibility while charges are in progress. */
function walletChange(
  customer: number,
  cardCount: number,
  { spreadMs }: PlanOptions,
): fc.Arbitrary<PlannedAction | PlannedAction[] | undefined> {
  const change = { at: below(spreadMs), customer };
  const card = below(cardCount);
  const suspension = change.at.chain((at) =>
    allOf(
      drawn({ at, do: 'customer', customer, status: 'suspended' }),
      maybe(50, drawn({ at: after(at, 8_000), do: 'customer', customer, status: 'active' })),
    ),
  );
  return fc.oneof(
    choice(1, { ...change, do: 'consent', card, given: chance(50) }),
    choice(1, { ...change, do: 'status', card, status: weighted({ active: 1, inactive: 1 }) }),
    { weight: 1, arbitrary: suspension },
    choice(1, { ...change, do: 'reissue', card }),
    choice(1, { ...change, do: 'remove', card, at_gateway: chance(50) }),
    { weight: 5, arbitrary: fc.constant(undefined) },
  );
}

const killActions = (victim: Victim, { spreadMs }: PlanOptions): fc.Arbitrary<PlannedAction[]> =>
  timesUntil(spreadMs * 0.9, {
    firstBelow: spreadMs * 0.5,
    gap: BETWEEN_KILLS,
    gapVaries: BETWEEN_KILLS,
  }).chain((times) =>
    allOf(...times.map((at) => drawn({ at, do: 'kill', victim, downtimeMs: below(2_000) }))),
  );

/** Increasing times, all before the end; `gap`: between two of them at least, `gapVaries`: by how much more. Milliseconds. */
function timesUntil(
  end: number,
  { firstBelow, gap, gapVaries }: { firstBelow: number; gap: number; gapVaries: number },
): fc.Arbitrary<number[]> {
  const gaps = listOf(
    Math.ceil(end / gap),
    below(gapVaries).map((more) => gap + more),
  );
  return fc.tuple(below(firstBelow), gaps).map(([first, waits]) => {
    const times = [first];
    let at = first;
    for (const wait of waits) times.push((at += wait));
    return times.filter((time) => time < end);
  });
}
