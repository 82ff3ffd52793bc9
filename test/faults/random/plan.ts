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
  obligations_of: { customer: number; card: number; amount: number; decline_code: string }[];
  /** In the order of their times. */
  deeds: Deed[];
}

/** Something that happens. `at`: milliseconds after the start. `of`: which obligation. */
export type Deed = { at: number } & (
  | { do: 'report'; of: number; by: 'signal' | 'rest' }
  | { do: 'report_anew' | 'settle' | 'news' | 'cancel' | 'terminate'; of: number }
  | { do: 'consent'; customer: number; card: number; given: boolean }
  | { do: 'status'; customer: number; card: number; status: 'active' | 'inactive' }
  | { do: 'customer'; customer: number; status: 'active' | 'suspended' }
  | { do: 'kill'; victim: Victim; down: number }
  | { do: 'sweep' }
);

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
/** A victim is up again for this long before it is killed again; milliseconds. */
const BETWEEN_KILLS = 15_000;

export function planOf(options: PlanOptions): Plan {
  const chance = dice(options.seed);
  const customers = Array.from({ length: Math.max(2, Math.ceil(options.obligations / 2)) }, () =>
    wallet(chance),
  );
  const obligations_of = Array.from({ length: options.obligations }, () => {
    const customer = chance.below(customers.length);
    // What an unproven or a missing card of theirs failed with would be refused.
    return { customer, card: 0, amount: 100 + chance.below(20_000), decline_code: chance.pick(REPORTED) };
  });
  const deeds = [
    ...obligations_of.flatMap((_, of) => storyOf(of, options, chance)),
    ...changes(customers, options, chance),
    ...options.victims.flatMap((victim) => killsOf(victim, options, chance)),
    { at: options.spread, do: 'sweep' } as const,
  ];
  return { ...options, customers, obligations_of, deeds: deeds.sort((a, b) => a.at - b.at) };
}

function wallet(chance: Dice): CardPlan[] {
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
    ...(chance.chance(0.1) ? { plastic: `plastic-${chance.next()}` } : {}),
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
function storyOf(of: number, { spread }: PlanOptions, chance: Dice): Deed[] {
  const at = chance.below(spread * 0.8);
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
  ];
}

/** What is allowed changes while charges are under way. */
function changes(customers: readonly CardPlan[][], { spread }: PlanOptions, chance: Dice): Deed[] {
  return customers.flatMap((cards, customer): Deed[] => {
    const at = chance.below(spread);
    const back = at + chance.below(8_000);
    const card = chance.below(cards.length);
    switch (chance.below(8)) {
      case 0:
        return [{ at, do: 'consent', customer, card, given: chance.chance(0.5) }];
      case 1:
        return [{ at, do: 'status', customer, card, status: chance.chance(0.5) ? 'active' : 'inactive' }];
      case 2:
        return [
          { at, do: 'customer', customer, status: 'suspended' },
          ...(chance.chance(0.5) ? [{ at: back, do: 'customer', customer, status: 'active' } as const] : []),
        ];
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
