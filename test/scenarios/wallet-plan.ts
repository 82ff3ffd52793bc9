/** A customer's cards, and random wallets of them. */

import fc from 'fast-check';
import type { Step } from '../../dev/simulators/gateway/control/steps.ts';
import { below, drawn, either, maybe } from './draw.ts';
import { gatewayStep } from './gateway-steps.ts';

/** A customer's card, and what may make it ineligible. */
export interface CardPlan {
  /** What the gateway does with the first charge requests, and with all later ones; it approves by default. */
  script?: Step[];
  then?: Step;
  /** If absent the card is active, proven and consented. All cards are used on one trusted device. */
  ineligibility?: 'inactive' | 'unproven' | 'unconsented';
  /** Set for several payment methods that represent the same card. */
  cardFingerprint?: string;
  /** For a method that is not a card: the gateway's name of its type. */
  type?: 'link' | 'sepa_debit' | 'us_bank_account';
  /** Its expiry date, at the gateway and in the graph. */
  expiry?: { month: number; year: number };
}

/** A card fingerprint for the wallet: none, one for several of its tokens, or one for several customers. */
const sharedFingerprint = fc.oneof(
  { weight: 7, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.nat().map((n) => `card-${n}`) },
  { weight: 1, arbitrary: below(5).map((n) => `card-of-many-${n}`) },
);

/** The first card is the one whose payment failed: a report for an unproven card would be refused. */
function cardPlan(position: 'first' | 'later', cardFingerprint: string | undefined): fc.Arbitrary<CardPlan> {
  const parts: fc.Arbitrary<CardPlan | undefined>[] = [
    drawn({
      script: fc.array(gatewayStep, { maxLength: 3 }),
      then: either(
        70,
        drawn({ do: 'approve' }),
        drawn({ do: 'decline', decline_code: 'insufficient_funds' }),
      ),
    }),
  ];
  if (cardFingerprint !== undefined) parts.push(maybe(60, fc.constant({ cardFingerprint })));
  if (position === 'later')
    parts.push(
      maybe(30, drawn({ ineligibility: fc.constantFrom('inactive', 'unproven', 'unconsented') })),
      maybe(
        15,
        drawn({
          type: fc.constantFrom('link', 'sepa_debit', 'us_bank_account'),
          cardFingerprint: fc.nat().map((n) => `account-${n}`),
        }),
      ),
    );
  return fc
    .tuple(...parts)
    .map((drawnParts) => drawnParts.reduce<CardPlan>((plan, part) => ({ ...plan, ...part }), {}));
}

/** Two to four cards. */
export const walletPlan: fc.Arbitrary<CardPlan[]> = sharedFingerprint.chain((fingerprint) =>
  fc
    .tuple(
      cardPlan('first', fingerprint),
      fc.array(cardPlan('later', fingerprint), { minLength: 1, maxLength: 3 }),
    )
    .map(([first, later]) => [first, ...later]),
);
