/**
 * Who is the person that checkout has met (specification: workflows, 1, step 2)? Pure: the graph looks up who holds
 * what, this decides.
 */

import type { OnboardingResult } from './onboarding-types.ts';
import type { Policy } from './policy.ts';

type MatchRule = OnboardingResult['match']['rule'];

/** A customer who has one of the identifiers of the request. */
export interface IdentifierMatch {
  type: 'email' | 'phone_number';
  /** Did the sender say that this person has proven it? */
  claimed_verified: boolean;
  identifier_id: string;
  /** Has the graph's customer proven it? */
  is_verified: boolean;
  customer_id: string;
  /** Has the graph's customer proven any e-mail? */
  has_verified_email: boolean;
  /** RFC 3339 in UTC. */
  linked_at: string;
  /** How many customers have this value. */
  holders: number;
}

/** What the request brought, and whom it points to. Erased and merged customers are left out before. */
export interface Evidence {
  /** The customer id that the request names, if somebody has it. */
  given_customer_id?: string;
  identifiers: readonly IdentifierMatch[];
  /** Did the sender say that this person has proven an e-mail, whoever has it? */
  claims_verified_email: boolean;
  device?: {
    /** How many customers use it, proven or not. */
    linked_customers: number;
    /** Those with a proven login, the newest first. */
    customer_ids: readonly string[];
  };
}

export interface Suggestion {
  customer_id: string;
  /** 0 to 1: how much speaks for it. */
  score: number;
  evidence: string[];
}

export interface Recognition {
  /** Absent: nobody we know, a new customer. */
  customer_id?: string;
  rule: MatchRule;
  /** May what the request brings become the customer's own at once? */
  proven: boolean;
  /** The unverified identifier by which an unproven customer was recognised. */
  awaits_identifier_id?: string;
  /** Others who may be the same person; never merged here. */
  suggestions: Suggestion[];
}

const SCORE = { verified: 0.9, unverified: 0.6, device: 0.3 } as const;

/**
 * The given customer id, else the strongest identifier (verified, then oldest), else the device by policy. A value
 * that more customers share than the policy allows says nothing.
 */
export function recognise(evidence: Evidence, policy: Pick<Policy, 'onboarding'>): Recognition {
  const { limits, deviceMatch } = policy.onboarding;
  const matches = weigh(evidence)
    .filter((match) => match.holders <= (match.type === 'email' ? limits.email : limits.phone))
    .sort(byStrength);
  const [strongest] = matches;

  if (evidence.given_customer_id !== undefined) {
    const customer_id = evidence.given_customer_id;
    return {
      customer_id,
      rule: 'customer_id',
      proven: true,
      suggestions: suggestOthers(matches, customer_id),
    };
  }
  if (strongest !== undefined) {
    const { customer_id } = strongest;
    const proven = matches.some((match) => match.customer_id === customer_id && isProof(match));
    return {
      customer_id,
      rule: strongest.type,
      proven,
      ...(proven || strongest.is_verified ? {} : { awaits_identifier_id: strongest.identifier_id }),
      suggestions: suggestOthers(matches, customer_id),
    };
  }
  const { device } = evidence;
  const known = device !== undefined && device.linked_customers <= limits.device ? device.customer_ids : [];
  const [newest] = known;
  if (deviceMatch === 'attach' && newest !== undefined) {
    return { customer_id: newest, rule: 'device', proven: false, suggestions: [] };
  }
  return {
    rule: 'none',
    proven: true,
    suggestions: known.map((customer_id) => ({ customer_id, score: SCORE.device, evidence: ['device'] })),
  };
}

/** The same for a request whose customer id nobody has: it names a new customer, whoever its identifiers point to. */
export function recogniseNewCustomer(evidence: Evidence, policy: Pick<Policy, 'onboarding'>): Recognition {
  const found = recognise(evidence, policy);
  const suggestions =
    found.customer_id === undefined
      ? found.suggestions
      : [asSuggestion(found, evidence), ...found.suggestions];
  return { rule: 'none', proven: true, suggestions };
}

function asSuggestion(found: Recognition, evidence: Evidence): Suggestion {
  const customer_id = found.customer_id as string;
  const own = weigh(evidence).filter((match) => match.customer_id === customer_id);
  if (found.rule === 'device') return { customer_id, score: SCORE.device, evidence: ['device'] };
  return { customer_id, score: scoreOf(own), evidence: evidenceOf(own) };
}

interface WeighedMatch extends IdentifierMatch {
  /** The phone number speaks for a customer against whom the e-mail speaks. */
  contradicted: boolean;
}

/**
 * Phone numbers change hands, and whoever has one now can prove it. Where both sides have proven an e-mail and not the
 * same one, the phone number says who the person may be and proves nothing.
 */
function weigh({ identifiers, claims_verified_email }: Evidence): WeighedMatch[] {
  const byEmail = new Set(
    identifiers.filter((match) => match.type === 'email').map((match) => match.customer_id),
  );
  return identifiers.map((match) => ({
    ...match,
    contradicted:
      match.type === 'phone_number' &&
      claims_verified_email &&
      match.has_verified_email &&
      !byEmail.has(match.customer_id),
  }));
}

/** Verified on both sides: whoever sent it has proven to be the one we know. */
function isProof(match: WeighedMatch): boolean {
  return match.is_verified && match.claimed_verified && !match.contradicted;
}

function byStrength(a: WeighedMatch, b: WeighedMatch): number {
  return (
    Number(isProof(b)) - Number(isProof(a)) ||
    Number(a.contradicted) - Number(b.contradicted) ||
    Number(b.is_verified) - Number(a.is_verified) ||
    compare(a.linked_at, b.linked_at) ||
    compare(a.type, b.type) ||
    compare(a.customer_id, b.customer_id)
  );
}

/** One suggestion for each other customer whom an identifier points to. */
function suggestOthers(matches: readonly WeighedMatch[], chosen: string): Suggestion[] {
  const ids = [...new Set(matches.map((match) => match.customer_id))].filter((id) => id !== chosen);
  return ids.map((customer_id) => {
    const own = matches.filter((match) => match.customer_id === customer_id);
    return { customer_id, score: scoreOf(own), evidence: evidenceOf(own) };
  });
}

function scoreOf(matches: readonly WeighedMatch[]): number {
  return matches.some(isProof) ? SCORE.verified : SCORE.unverified;
}

function evidenceOf(matches: readonly IdentifierMatch[]): string[] {
  return [...new Set(matches.map((match) => match.type))].sort();
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Segments that stand above one another; any other is a side branch of the first step. */
const RANK: Readonly<Record<string, number>> = { NEW: 0, SUBSCRIBER: 1, VIP: 2 };

/** The segment that a known customer has after an onboarding said `wanted`: never a lower one. */
export function upgradedSegment(current: string, requested: string): string {
  const rank = (segment: string) => RANK[segment] ?? 1;
  return rank(requested) > rank(current) ? requested : current;
}
