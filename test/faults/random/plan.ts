/** The plan of a random run, determined by its seed alone: obligations, gateway behaviour, kills. */

import type { CardPlan } from '../customer-fixtures.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';

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

const DECLINES = [
  [6, 'insufficient_funds'],
  [3, 'do_not_honor'],
  [2, 'processing_error'],
  [1, 'expired_card'],
  [1, 'authentication_required'],
  [1, 'stolen_card'],
  [1, 'revocation_of_authorization'],
] as const;
const REPORTED_DECLINES = [
  [12, 'insufficient_funds'],
  [2, 'do_not_honor'],
  [1, 'stolen_card'],
] as const;
const STOP_DECLINES = [
  [2, 'revocation_of_authorization'],
  [1, 'revocation_of_all_authorizations'],
  [1, 'stop_payment_order'],
  [2, 'stolen_card'],
] as const;
const SECOND = 1_000;
const DAY = 86_400 * SECOND;
/** The minimum time between two kills of a victim; milliseconds. */
const BETWEEN_KILLS = 15_000;

export function createPlan(options: PlanOptions): Plan {
  const random = seededRandom(options.seed);
  const customers = Array.from({ length: Math.max(2, Math.ceil(options.obligationCount / 2)) }, () =>
    wallet(random),
  );
  const plannedObligations = Array.from({ length: options.obligationCount }, () => {
    const customer = random.below(customers.length);
    return {
      // The first card: a report for an unproven card would be refused.
      ...{
        customer,
        card: 0,
        amount: 100 + random.below(20_000),
        decline_code: random.pick(REPORTED_DECLINES),
      },
      currency: random.chance(0.85) ? 'USD' : 'EUR',
      reported: random.chance(0.15),
    };
  });
  const actions = [
    ...plannedObligations.flatMap((planned, of) => obligationActions(of, planned, options, random)),
    ...terminations(options, random),
    ...walletChanges(customers, options, random),
    ...options.victims.flatMap((victim) => killActions(victim, options, random)),
    { at: options.spreadMs, do: 'sweep' } as const,
  ];
  return { ...options, customers, plannedObligations, actions: actions.sort((a, b) => a.at - b.at) };
}

function wallet(random: SeededRandom): CardPlan[] {
  // A number per card, one shared by several of its tokens, or one shared by several customers.
  const cardFingerprint = random.pick([
    [7, undefined],
    [2, `plastic-${random.next()}`],
    [1, `plastic-of-many-${random.below(5)}`],
  ] as const);
  return Array.from({ length: 2 + random.below(3) }, (_, index) => ({
    script: Array.from({ length: random.below(4) }, () => step(random)),
    then: random.chance(0.7) ? { do: 'approve' } : { do: 'decline', decline_code: 'insufficient_funds' },
    // The first card is the one whose payment failed.
    ...(index > 0 && random.chance(0.3)
      ? {
          ineligibility: random.pick([
            [1, 'inactive'],
            [1, 'unproven'],
            [1, 'unconsented'],
          ] as const),
        }
      : {}),
    ...(cardFingerprint !== undefined && random.chance(0.6) ? { cardFingerprint } : {}),
    ...(index > 0 && random.chance(0.15)
      ? {
          type: random.pick([
            [1, 'link'],
            [1, 'sepa_debit'],
            [1, 'us_bank_account'],
          ] as const),
          cardFingerprint: `account-${random.next()}`,
        }
      : {}),
  }));
}

function step(random: SeededRandom): object {
  const act = random.pick([
    [8, { do: 'approve' }],
    [5, { do: 'decline' }],
    [2, { do: 'drop_before_capture' }],
    [3, { do: 'drop_after_capture' }],
    [2, { do: 'hold_before_capture' }],
    [3, { do: 'hold_after_capture' }],
    [1, { do: 'error_500' }],
    [2, { do: 'processing' }],
  ]);
  const settle = { after_ms: random.below(8_000), outcome: random.chance(0.6) ? 'succeeded' : 'failed' };
  return {
    ...act,
    ...(act.do === 'decline' ? { decline_code: random.pick(DECLINES) } : {}),
    ...(act.do === 'processing' ? { settle } : {}),
    delay_ms: random.below(300),
    webhook: random.pick([
      [4, 'after'],
      [2, 'before'],
      [2, 'twice'],
      [1, 'none'],
    ] as const),
  };
}

/** Reports, possibly repeated, settlements, late and duplicate gateway updates, and operator requests. */
function obligationActions(
  of: number,
  { customer, reported }: Plan['plannedObligations'][number],
  { spreadMs }: PlanOptions,
  random: SeededRandom,
): PlannedAction[] {
  const at = random.below(spreadMs * 0.8);
  const before = Math.max(0, at - 1_500);
  const soon = () => at + random.below(6_000);
  const by = () =>
    random.pick([
      [1, 'signal'],
      [1, 'rest'],
    ] as const);
  const maybe = (probability: number, ...actions: PlannedAction[]) =>
    random.chance(probability) ? actions : [];
  return [
    { at, do: 'report', of, by: by() },
    ...maybe(0.3, { at: soon(), do: 'report', of, by: by() }),
    ...maybe(0.1, { at: soon(), do: 'report_anew', of }),
    ...maybe(0.2, { at: soon(), do: 'news', of }, { at: soon(), do: 'news', of }),
    ...maybe(0.08, { at: soon(), do: 'settle', of }, { at: soon(), do: 'settle', of }),
    // A settlement that precedes the report.
    ...maybe(0.05, { at: Math.max(0, at - 1_000), do: 'settle', of }),
    ...maybe(0.04, { at: soon(), do: 'cancel', of }),
    ...maybe(0.05, { at: soon(), do: 'terminate', of }),
    ...maybe(0.05, { at: before, do: 'report_garbage', of }),
    ...maybe(0.05, { at: before, do: 'remove', customer, card: 0, at_gateway: random.chance(0.5) }),
    ...maybe(0.06, {
      at: random.chance(0.3) ? before : soon(),
      do: 'report_stop',
      of,
      decline_code: random.pick(STOP_DECLINES),
      age: random.pick([
        [2, -SECOND],
        [2, 5 * SECOND],
        [1, 20 * DAY],
      ] as const),
    }),
    ...externalActions(of, { reported, before, soon }, random),
  ];
}

/** External payments, refunds and disputes, and settlements with a wrong reference. */
function externalActions(
  of: number,
  { reported, before, soon }: { reported: boolean; before: number; soon: () => number },
  random: SeededRandom,
): PlannedAction[] {
  const maybe = (probability: number, ...actions: PlannedAction[]) =>
    random.chance(probability) ? actions : [];
  const late = () => soon() + random.below(8_000);
  return [
    ...(reported ? maybe(0.4, { at: random.chance(0.2) ? before : late(), do: 'pay_reported', of }) : []),
    ...maybe(0.08, {
      ...{ at: random.chance(0.2) ? before : late(), do: 'pay_otherwise', of },
      after_own_charge: random.chance(0.4),
    }),
    ...maybe(0.06, {
      at: late(),
      do: 'settle_wrongly',
      of,
      with: random.pick([
        [3, 'another_customer'],
        [3, 'last_month'],
        [2, 'unpaid'],
        [2, 'another_amount'],
        [1, 'nothing'],
      ] as const),
    }),
    ...maybe(0.06, { at: late() + 2_000, do: 'refund', of }),
    ...maybe(0.05, {
      ...{ at: late() + 2_000, do: 'dispute', of },
      reason: random.chance(0.3) ? 'fraudulent' : 'product_not_received',
      end: random.pick([
        [2, null],
        [1, 'won'],
        [1, 'lost'],
      ] as const),
    }),
    ...maybe(0.02, { at: late() + 2_000, do: 'warn_of_fraud', of }),
  ];
}

/** Every few seconds all transactions in progress are terminated, as by an administrator or a server shutdown. */
function terminations({ spreadMs }: PlanOptions, random: SeededRandom): PlannedAction[] {
  const actions: PlannedAction[] = [];
  for (let at = random.below(3_000); at < spreadMs; at += 500 + random.below(4_000))
    actions.push({ at, do: 'terminate_transactions' });
  return actions;
}

/** Changes of eligibility while charges are in progress. */
function walletChanges(
  customers: readonly CardPlan[][],
  { spreadMs }: PlanOptions,
  random: SeededRandom,
): PlannedAction[] {
  return customers.flatMap((cards, customer): PlannedAction[] => {
    const at = random.below(spreadMs);
    const back = at + random.below(8_000);
    const card = random.below(cards.length);
    switch (random.below(10)) {
      case 0:
        return [{ at, do: 'consent', customer, card, given: random.chance(0.5) }];
      case 1:
        return [{ at, do: 'status', customer, card, status: random.chance(0.5) ? 'active' : 'inactive' }];
      case 2:
        return [
          { at, do: 'customer', customer, status: 'suspended' },
          ...(random.chance(0.5) ? [{ at: back, do: 'customer', customer, status: 'active' } as const] : []),
        ];
      case 3:
        return [{ at, do: 'reissue', customer, card }];
      case 4:
        return [{ at, do: 'remove', customer, card, at_gateway: random.chance(0.5) }];
      default:
        return [];
    }
  });
}

function killActions(victim: Victim, { spreadMs }: PlanOptions, random: SeededRandom): PlannedAction[] {
  const actions: PlannedAction[] = [];
  for (
    let at = random.below(spreadMs * 0.5);
    at < spreadMs * 0.9;
    at += BETWEEN_KILLS + random.below(BETWEEN_KILLS)
  ) {
    actions.push({ at, do: 'kill', victim, downtimeMs: random.below(2_000) });
  }
  return actions;
}
