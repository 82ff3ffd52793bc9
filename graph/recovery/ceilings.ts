import {
  type Ceiling,
  ceilingReached,
  isCeilingRule,
  notBefore,
  type PastAttempt,
} from '../../domain/decline/ceilings.ts';
import type { WalletMethod } from '../wallet/wallet.ts';
import type { AttemptNode, ObligationNode } from './records.ts';

const ISSUER_ADVICE = 'issuer_advice';

/**
 * The network rule or issuer's advice that forbids another attempt on a card now.
 * @param history every attempt on the card, own and reported, across all its tokens
 * @param now epoch milliseconds
 */
export function ceilingOn(
  history: readonly AttemptNode[],
  obligation: ObligationNode,
  method: Readonly<WalletMethod>,
  now: number,
): Ceiling | undefined {
  const past = pastAttempts(history);
  const { payment_id, amount = 0, currency = '' } = obligation;
  const next = {
    payment_id,
    amount,
    currency,
    at: now,
    ...(method.network ? { network: method.network } : {}),
  };
  const ceiling = ceilingReached(past, next);
  if (ceiling) return ceiling;
  const advised = notBefore(past);
  return advised !== undefined && advised > now ? { rule: ISSUER_ADVICE, until: advised } : undefined;
}

/** The attempts on a card in the form that the rules of ceilings take. */
export function pastAttempts(history: readonly AttemptNode[]): PastAttempt[] {
  return history.map((attempt) => ({
    ...attempt,
    at: Date.parse(attempt.resolved_at ?? attempt.claimed_at),
  }));
}

/** Whether this attempt was never sent because a ceiling or the issuer's advice forbade it. */
export function wasForbidden({ state, rule }: AttemptNode): boolean {
  return state === 'void' && rule !== undefined && (rule === ISSUER_ADVICE || isCeilingRule(rule));
}
