/** What a random run does, decided by its seed alone: who owes what, what the gateway does, what is killed when. */

import type { CardPlan } from '../customers.ts';
import { type Dice, dice } from './dice.ts';

export interface PlanOptions {
  seed: number;
  /** How many failed payments. */
  obligations: number;
  /** Over how long they are spread, and the kills with them; milliseconds. */
  spread: number;
  /** What is killed again and again. */
  victims: readonly Victim[];
}

export type Victim = 'worker' | 'api' | 'gateway' | 'neo4j' | 'temporal';

export interface Plan extends PlanOptions {
  /** Each customer's cards. */
  customers: CardPlan[][];
  obligations_of: {
    customer: number;
    card: number;
    amount: number;
    currency: string;
    decline_code: string;
    /** The report names a payment that others made at the gateway, by which its customer may still pay. */
    reported: boolean;
  }[];
  /** In the order of their times. */
  deeds: Deed[];
}

/** Something that happens. `at`: milliseconds after the start. `of`: which obligation. */
export type Deed = { at: number } & (
  | { do: 'report'; of: number; by: 'signal' | 'rest' }
  | { do: 'report_anew' | 'settle' | 'news' | 'cancel' | 'terminate'; of: number }
  // `age`: how much older than the failure it is, in milliseconds; below 0: younger.
  | { do: 'report_stop'; of: number; decline_code: string; age: number }
  | { do: 'report_garbage'; of: number }
  | { do: 'settle_wrongly'; of: number; with: WrongReference }
  | { do: 'pay_reported'; of: number }
  // `after_ours`: once Persona has collected it, so that it is paid twice.
  | { do: 'pay_otherwise'; of: number; after_ours: boolean }
  | { do: 'refund' | 'warn_of_fraud'; of: number }
  | { do: 'dispute'; of: number; reason: string; end: 'won' | 'lost' | null }
  | { do: 'consent'; customer: number; card: number; given: boolean }
  | { do: 'status'; customer: number; card: number; status: 'active' | 'inactive' }
  | { do: 'customer'; customer: number; status: 'active' | 'suspended' }
  // Others take the card away, or its bank gives it another number.
  | { do: 'remove'; customer: number; card: number; at_gateway: boolean }
  | { do: 'reissue'; customer: number; card: number }
  | { do: 'kill'; victim: Victim; down: number }
  | { do: 'sweep' }
  | { do: 'terminate_transactions' }
);

/** Whose payment at the gateway a settlement names that settles nothing. */
export type WrongReference = 'another_customer' | 'last_month' | 'unpaid' | 'another_amount' | 'nothing';

const DECLINES = [
  [6, 'insufficient_funds'],
  [3, 'do_not_honor'],
  [2, 'processing_error'],
  [1, 'expired_card'],
  [1, 'authentication_required'],
  [1, 'stolen_card'],
  [1, 'revocation_of_authorization'],
] as const;
const REPORTED = [
  [12, 'insufficient_funds'],
  [2, 'do_not_honor'],
  [1, 'stolen_card'],
] as const;
const STOPS = [
  [2, 'revocation_of_authorization'],
  [1, 'revocation_of_all_authorizations'],
  [1, 'stop_payment_order'],
  [2, 'stolen_card'],
] as const;
const SECOND = 1_000;
const DAY = 86_400 * SECOND;
/** A victim is up again for this long before it is killed again; milliseconds. */
const BETWEEN_KILLS = 15_000;

export function planOf(options: PlanOptions): Plan {
  const chance = dice(options.seed);
  const customers = Array.from({ length: Math.max(2, Math.ceil(options.obligations / 2)) }, () =>
    wallet(chance),
  );
  const obligations_of = Array.from({ length: options.obligations }, () => {
    const customer = chance.below(customers.length);
    return {
      // What an unproven or a missing card of theirs failed with would be refused.
      ...{ customer, card: 0, amount: 100 + chance.below(20_000), decline_code: chance.pick(REPORTED) },
      currency: chance.chance(0.85) ? 'USD' : 'EUR',
      reported: chance.chance(0.15),
    };
  });
  const deeds = [
    ...obligations_of.flatMap((owed, of) => storyOf(of, owed, options, chance)),
    ...terminations(options, chance),
    ...changes(customers, options, chance),
    ...options.victims.flatMap((victim) => killsOf(victim, options, chance)),
    { at: options.spread, do: 'sweep' } as const,
  ];
  return { ...options, customers, obligations_of, deeds: deeds.sort((a, b) => a.at - b.at) };
}

function wallet(chance: Dice): CardPlan[] {
  // Its own, that of another token beside it, or one that several customers share.
  const plastic = chance.pick([
    [7, undefined],
    [2, `plastic-${chance.next()}`],
    [1, `plastic-of-many-${chance.below(5)}`],
  ] as const);
  return Array.from({ length: 2 + chance.below(3) }, (_, index) => ({
    script: Array.from({ length: chance.below(4) }, () => step(chance)),
    then: chance.chance(0.7) ? { do: 'approve' } : { do: 'decline', decline_code: 'insufficient_funds' },
    // The first card is the one that failed.
    ...(index > 0 && chance.chance(0.3)
      ? {
          flaw: chance.pick([
            [1, 'inactive'],
            [1, 'unproven'],
            [1, 'unconsented'],
          ] as const),
        }
      : {}),
    ...(plastic !== undefined && chance.chance(0.6) ? { plastic } : {}),
    ...(index > 0 && chance.chance(0.15)
      ? {
          type: chance.pick([
            [1, 'link'],
            [1, 'sepa_debit'],
            [1, 'us_bank_account'],
          ] as const),
          plastic: `account-${chance.next()}`,
        }
      : {}),
  }));
}

function step(chance: Dice): object {
  const act = chance.pick([
    [8, { do: 'approve' }],
    [5, { do: 'decline' }],
    [2, { do: 'drop_before_capture' }],
    [3, { do: 'drop_after_capture' }],
    [2, { do: 'hold_before_capture' }],
    [3, { do: 'hold_after_capture' }],
    [1, { do: 'error_500' }],
    [2, { do: 'processing' }],
  ]);
  const settle = { after_ms: chance.below(8_000), outcome: chance.chance(0.6) ? 'succeeded' : 'failed' };
  return {
    ...act,
    ...(act.do === 'decline' ? { decline_code: chance.pick(DECLINES) } : {}),
    ...(act.do === 'processing' ? { settle } : {}),
    delay_ms: chance.below(300),
    webhook: chance.pick([
      [4, 'after'],
      [2, 'before'],
      [2, 'twice'],
      [1, 'none'],
    ] as const),
  };
}

/** A failure is reported, perhaps again; others settle it, the gateway's news come late and twice, people meddle. */
function storyOf(
  of: number,
  { customer, reported }: Plan['obligations_of'][number],
  { spread }: PlanOptions,
  chance: Dice,
): Deed[] {
  const at = chance.below(spread * 0.8);
  const before = Math.max(0, at - 1_500);
  const soon = () => at + chance.below(6_000);
  const by = () =>
    chance.pick([
      [1, 'signal'],
      [1, 'rest'],
    ] as const);
  const maybe = (probability: number, ...deeds: Deed[]) => (chance.chance(probability) ? deeds : []);
  return [
    { at, do: 'report', of, by: by() },
    ...maybe(0.3, { at: soon(), do: 'report', of, by: by() }),
    ...maybe(0.1, { at: soon(), do: 'report_anew', of }),
    ...maybe(0.2, { at: soon(), do: 'news', of }, { at: soon(), do: 'news', of }),
    ...maybe(0.08, { at: soon(), do: 'settle', of }, { at: soon(), do: 'settle', of }),
    // Somebody else was quicker than the report.
    ...maybe(0.05, { at: Math.max(0, at - 1_000), do: 'settle', of }),
    ...maybe(0.04, { at: soon(), do: 'cancel', of }),
    ...maybe(0.05, { at: soon(), do: 'terminate', of }),
    ...maybe(0.05, { at: before, do: 'report_garbage', of }),
    ...maybe(0.05, { at: before, do: 'remove', customer, card: 0, at_gateway: chance.chance(0.5) }),
    ...maybe(0.06, {
      at: chance.chance(0.3) ? before : soon(),
      do: 'report_stop',
      of,
      decline_code: chance.pick(STOPS),
      age: chance.pick([
        [2, -SECOND],
        [2, 5 * SECOND],
        [1, 20 * DAY],
      ] as const),
    }),
    ...byOthers(of, { reported, before, soon }, chance),
  ];
}

/** Others collect the payment too, give it back, contest it, or report with a wrong reference that they did. */
function byOthers(
  of: number,
  { reported, before, soon }: { reported: boolean; before: number; soon: () => number },
  chance: Dice,
): Deed[] {
  const maybe = (probability: number, ...deeds: Deed[]) => (chance.chance(probability) ? deeds : []);
  const late = () => soon() + chance.below(8_000);
  return [
    ...(reported ? maybe(0.4, { at: chance.chance(0.2) ? before : late(), do: 'pay_reported', of }) : []),
    ...maybe(0.08, {
      ...{ at: chance.chance(0.2) ? before : late(), do: 'pay_otherwise', of },
      after_ours: chance.chance(0.4),
    }),
    ...maybe(0.06, {
      at: late(),
      do: 'settle_wrongly',
      of,
      with: chance.pick([
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
      reason: chance.chance(0.3) ? 'fraudulent' : 'product_not_received',
      end: chance.pick([
        [2, null],
        [1, 'won'],
        [1, 'lost'],
      ] as const),
    }),
    ...maybe(0.02, { at: late() + 2_000, do: 'warn_of_fraud', of }),
  ];
}

/** By hand, or by a server that shuts down: every few seconds all that are under way. */
function terminations({ spread }: PlanOptions, chance: Dice): Deed[] {
  const deeds: Deed[] = [];
  for (let at = chance.below(3_000); at < spread; at += 500 + chance.below(4_000))
    deeds.push({ at, do: 'terminate_transactions' });
  return deeds;
}

/** What is allowed changes while charges are under way. */
function changes(customers: readonly CardPlan[][], { spread }: PlanOptions, chance: Dice): Deed[] {
  return customers.flatMap((cards, customer): Deed[] => {
    const at = chance.below(spread);
    const back = at + chance.below(8_000);
    const card = chance.below(cards.length);
    switch (chance.below(10)) {
      case 0:
        return [{ at, do: 'consent', customer, card, given: chance.chance(0.5) }];
      case 1:
        return [{ at, do: 'status', customer, card, status: chance.chance(0.5) ? 'active' : 'inactive' }];
      case 2:
        return [
          { at, do: 'customer', customer, status: 'suspended' },
          ...(chance.chance(0.5) ? [{ at: back, do: 'customer', customer, status: 'active' } as const] : []),
        ];
      case 3:
        return [{ at, do: 'reissue', customer, card }];
      case 4:
        return [{ at, do: 'remove', customer, card, at_gateway: chance.chance(0.5) }];
      default:
        return [];
    }
  });
}

function killsOf(victim: Victim, { spread }: PlanOptions, chance: Dice): Deed[] {
  const deeds: Deed[] = [];
  for (
    let at = chance.below(spread * 0.5);
    at < spread * 0.9;
    at += BETWEEN_KILLS + chance.below(BETWEEN_KILLS)
  ) {
    deeds.push({ at, do: 'kill', victim, down: chance.below(2_000) });
  }
  return deeds;
}
