/** The demo's input, `stories.json`: customers with cards and devices, a payment failure each, and its expected outcome. */

import { readFileSync } from 'node:fs';

export interface Card {
  name: string;
  /** The gateway's token. */
  token: string;
  brand: string;
  last4: string;
  exp_month: number;
  exp_year: number;
  /** The simulator's script for the first charge requests; all later ones are approved. */
  script?: object[];
}

export interface Onboarding {
  /** How long ago the customer used this card for the first time. */
  days_ago: number;
  card: Card;
  /** An OnboardingRequest without its ids, its time and the card's token. */
  request: Record<string, unknown> & { device_details: { fingerprint: string } };
}

export interface Story {
  id: string;
  title: string;
  customer: {
    name: string;
    onboardings: Onboarding[];
    /** Chimera's trust score for each device, 0 to 1. */
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
  /** The program that is killed while this card's charge is held at the gateway. */
  kills?: { program: string; during: string };
  /** The card that the customer adds when notified that no other can be charged. */
  then_adds?: Card;
  /** Name of the card that is detached at the gateway afterwards, without a webhook. */
  then_detached?: string;
  expect: {
    outcome: string;
    class: string;
    /** Name of the card that is charged; absent: no card may be charged. */
    charged?: string;
    why: string;
    status_of_failed?: string;
    consent_of_failed?: boolean;
    /** Name of the card that is the default afterwards. */
    default: string;
    /** Templates, in order of arrival. */
    notices: string[];
  };
}

export function readStories(): Story[] {
  return JSON.parse(readFileSync(new URL('./stories.json', import.meta.url), 'utf8')) as Story[];
}
