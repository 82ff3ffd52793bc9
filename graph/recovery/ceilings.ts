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
 * What the networks' rules and the issuer's advice have against another attempt on a card now.
 * @param history every attempt on the card, ours and reported, over all its tokens
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

/** The attempts on a card as the rules of ceilings see them. */
export function pastAttempts(history: readonly AttemptNode[]): PastAttempt[] {
  return history.map((attempt) => ({
    ...attempt,
    at: Date.parse(attempt.resolved_at ?? attempt.claimed_at),
  }));
}

/** Was this attempt never made because a ceiling or an advice stood in its way? */
export function wasForbidden({ state, rule }: AttemptNode): boolean {
  return state === 'void' && rule !== undefined && (rule === ISSUER_ADVICE || isCeilingRule(rule));
}
