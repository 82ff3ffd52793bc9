/**
 * Decides which customer an onboarding request is about (docs/reference/workflows.md, 'Recognition'). Pure: the graph looks up
 * the holders of each value, this code decides.
 */

import type { OnboardingResult } from './onboarding/types.ts';
import type { Policy } from './policy.ts';

type MatchRule = OnboardingResult['match']['rule'];

/** A customer who has one of the identifiers of the request. */
export interface IdentifierMatch {
  type: 'email' | 'phone_number';
  /** Whether the sender reports that the customer has proven it. */
  claimed_verified: boolean;
  identifier_id: string;
  /** Whether the customer in the graph has proven it. */
  is_verified: boolean;
  /** Its customer contests it: it is no evidence, and is not verified meanwhile. */
  is_contested?: boolean;
  customer_id: string;
  /** Whether the customer in the graph has proven any e-mail address. */
  has_verified_email: boolean;
  /** RFC 3339 in UTC. */
  linked_at: string;
  /** How many customers have this value. */
  holders: number;
}

/** The request's evidence and the customers that it points to. Erased and merged customers are filtered out beforehand. */
export interface Evidence {
  /** The customer id in the request, if such a customer exists. */
  given_customer_id?: string;
  identifiers: readonly IdentifierMatch[];
  /** Whether the sender reports a proven e-mail address, no matter which customer has it. */
  claims_verified_email: boolean;
  device?: {
    /** How many customers use it, proven or not. */
    linked_customers: number;
    /** Customers with a proven login, most recent first. */
    customer_ids: readonly string[];
  };
}

export interface Suggestion {
  customer_id: string;
  /** Strength of the match, 0 to 1. */
  score: number;
  evidence: string[];
}

export interface Recognition {
  /** Absent: no known customer, so a new one. */
  customer_id?: string;
  rule: MatchRule;
  /** Whether the request's data may be linked to the customer as proven immediately. */
  proven: boolean;
  /** The unverified identifier by which the customer was recognised without proof. */
  awaits_identifier_id?: string;
  /** Other customers who may be the same person; never merged here. */
  suggestions: Suggestion[];
}

const SCORE = { verified: 0.9, unverified: 0.6, device: 0.3 } as const;

/**
 * Matches by the given customer id, else by the strongest identifier (verified, then oldest), else by the device if the
 * policy allows it. A value that more customers share than the policy allows is no evidence.
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

/** The same for a request with an unknown customer id: a new customer, whichever customers its identifiers point to. */
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
  /** The match by phone number is contradicted by proven e-mail addresses. */
  contradicted: boolean;
}

/**
 * Phone numbers are reassigned, and the new holder can prove the number. Where both sides have proven an e-mail address,
 * and not the same one, the phone number suggests a customer but proves nothing.
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

/** Verified on both sides: proof that the request is about the known customer. */
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

/** One suggestion for each other customer that an identifier points to. */
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

/** Ranked segments; any other segment ranks with SUBSCRIBER. */
const RANK: Readonly<Record<string, number>> = { NEW: 0, SUBSCRIBER: 1, VIP: 2 };

/** The segment of a known customer after an onboarding with the segment `requested`: never a lower one. */
export function upgradedSegment(current: string, requested: string): string {
  const rank = (segment: string) => RANK[segment] ?? 1;
  return rank(requested) > rank(current) ? requested : current;
}
