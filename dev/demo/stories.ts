/** The demo's input, `stories.json`: customers with their cards and devices, a failure each, and what must come of it. */

import { readFileSync } from 'node:fs';

export interface Card {
  name: string;
  /** The gateway's token. */
  token: string;
  brand: string;
  last4: string;
  exp_month: number;
  exp_year: number;
  /** What the gateway does with the first requests to charge it, as its simulator's script; it approves the others. */
  script?: object[];
}

export interface Onboarding {
  /** How long ago the customer used this card for the first time. */
  days_ago: number;
  card: Card;
  /** An OnboardingRequest, but for its ids, its time and the card's token. */
  request: Record<string, unknown> & { device_details: { fingerprint: string } };
}

export interface Story {
  id: string;
  title: string;
  customer: {
    name: string;
    onboardings: Onboarding[];
    /** What Chimera thinks of each device, 0 to 1. */
    trust: { fingerprint: string; score: number }[];
  };
  failure: {
    /** Name of the card that failed. */
    card: string;
    /** Minor units. */
    amount: number;
    currency: string;
    description: string;
    decline_code: string;
    network_code: string;
  };
  /** The program that is killed while this card's charge stands still at the gateway. */
  kills?: { program: string; during: string };
  /** The card that the customer adds when told that none is left. */
  then_adds?: Card;
  /** Name of the card that is detached at the gateway afterwards, without a webhook. */
  then_detached?: string;
  expect: {
    outcome: string;
    class: string;
    /** Name of the card that is charged; absent: none may be. */
    charged?: string;
    why: string;
    status_of_failed?: string;
    consent_of_failed?: boolean;
    /** Name of the card that is the default afterwards. */
    default: string;
    /** Templates, in the order in which they arrive. */
    notices: string[];
  };
}

export function readStories(): Story[] {
  return JSON.parse(readFileSync(new URL('./stories.json', import.meta.url), 'utf8')) as Story[];
}
