/** Contests: a person says that an event is wrong, and a person decides (docs/reference/workflows.md, 'reviewContest'). */

import type { CatalogueEvents } from './events/catalogue.ts';
import type { EventData, EventType } from './events/event.ts';
import type { ContestedLink } from './events/rights.ts';
import {
  EXTERNAL_ID,
  type FieldReader,
  omitUndefined,
  REASON,
  type ValidationFailure,
  validateMessage,
} from './validation.ts';

export const CONTEST_DECISIONS = ['upheld', 'rejected'] as const;
export type ContestOutcome = (typeof CONTEST_DECISIONS)[number];

/** A contest as its person sees it. */
export interface Contest {
  /** `{customer_id}:{seq}`. */
  contest_id: string;
  /** The contested event. */
  seq: number;
  state: 'open' | ContestOutcome;
  reason: string;
  explanation?: string;
  /** RFC 3339. */
  opened_at: string;
  decided_at?: string;
}

/** A decision's changes: ordinary removals, of what is still there. */
export const CORRECTIONS = {
  unlinkDevice: 'device_id',
  removeAddress: 'address_id',
  removeDigitalIdentifier: 'identifier_id',
  removePaymentMethod: 'payment_method_id',
} as const;
export type CorrectionCommand = keyof typeof CORRECTIONS;
export interface Correction {
  command: CorrectionCommand;
  /** The id of what is removed. */
  id: string;
}

export interface ContestDecision {
  decision: ContestOutcome;
  /** The opening that it is about: the place of its `EventContested`. Absent: whichever is open. */
  opened_seq?: number;
  corrections: readonly Correction[];
  /** Shown to the person. */
  explanation: string;
  actor: string;
}

const MOST_CORRECTIONS = 20;
const COMMANDS = Object.keys(CORRECTIONS) as [CorrectionCommand, ...CorrectionCommand[]];

/** Validates the payload of the signal `contestDecision`: each correction is `{command}` with its command's id. */
export function validateContestDecision(
  input: unknown,
): { ok: true; message: ContestDecision } | ValidationFailure {
  return validateMessage(input, (fields) => {
    const decision = fields.requiredOneOf('decision', CONTEST_DECISIONS);
    const corrections = fields.objects('corrections', MOST_CORRECTIONS).map(readCorrection);
    if (decision === 'rejected' && corrections.length > 0)
      fields.refuse('corrections', 'must be empty: a rejected contest changes nothing');
    return omitUndefined({
      decision,
      opened_seq: fields.integer('opened_seq', 1),
      corrections,
      explanation: fields.requiredText('explanation', REASON),
      actor: fields.requiredText('actor', EXTERNAL_ID),
    });
  });
}

function readCorrection(fields: FieldReader): Correction {
  const command = fields.requiredOneOf('command', COMMANDS);
  return { command, id: fields.requiredUuid(CORRECTIONS[command]) };
}

export const contestId = (customerId: string, seq: number) => `${customerId}:${seq}`;

/** @returns `undefined` if the text is no contest's id */
export function parseContestId(text: string): { customer_id: string; seq: number } | undefined {
  const [, customer_id, seq] = /^([0-9a-f-]{36}):([1-9]\d{0,14})$/.exec(text) ?? [];
  return customer_id === undefined ? undefined : { customer_id, seq: Number(seq) };
}

/** Catalogue events are in no customer's stream, and no customer reads a stream that ends with the other two. */
type CustomersEvent = Exclude<EventType, keyof CatalogueEvents | 'ErasureAnnounced' | 'CustomerErased'>;

/**
 * Whether an event states a fact about the person. All that is masked can be contested, or the refusal would tell what
 * it is.
 */
const STATES_FACT: Readonly<Record<CustomersEvent, boolean>> = {
  CustomerCreated: true,
  CustomerProfileUpdated: true,
  CustomerStatusChanged: true,
  LtvAdjusted: true,
  DeviceLinked: true,
  LoginRecorded: true,
  DeviceUnlinked: true,
  BehavioralProfileLinked: true,
  IdentityMatchSuggested: true,
  IdentityMatchResolved: true,
  AddressAdded: true,
  AddressUpdated: true,
  AddressRemoved: true,
  DigitalIdentifierAdded: true,
  DigitalIdentifierVerified: true,
  DigitalIdentifierRemoved: true,
  PaymentMethodAdded: true,
  PaymentMethodUpdated: true,
  PaymentMethodStatusChanged: true,
  PaymentMethodRemoved: true,
  PaymentMethodUsed: true,
  DefaultPaymentMethodChanged: true,
  ConsentChanged: true,
  PaymentMethodDisputed: true,
  ExpiryNoticeDue: false,
  DeviceRegistered: false,
  DeviceSeen: false,
  DeviceSightingForgotten: false,
  DeviceTrustScoreUpdated: true,
  RelationshipAdded: true,
  RelationshipAttributeChanged: true,
  NodePropertyChanged: false,
  FraudOutcomeApplied: true,
  FraudReviewReminded: true,
  RecoveryOpened: true,
  RecoveryReopened: true,
  ChargeClaimed: false,
  RecoveryAttempted: true,
  RecoveryNeedsReview: false,
  RecoveryClosed: true,
  RecoveryOverpaid: true,
  RecoveryForgotten: false,
  RefundSent: true,
  RefundFailed: false,
  RefundRequested: false,
  NoticeSent: false,
  NoticeFailed: false,
  EventAnnotated: false,
  EventContested: false,
  ContestDecided: false,
};

/** A type that this release does not know is shown masked, and can be contested as such. */
export function isContestable(type: string): boolean {
  return STATES_FACT[type as CustomersEvent] ?? true;
}

type Restricting =
  | 'DeviceLinked'
  | 'LoginRecorded'
  | 'AddressAdded'
  | 'DigitalIdentifierAdded'
  | 'PaymentMethodAdded';
const LINKS: { readonly [T in Restricting]: (data: EventData[T]) => ContestedLink } = {
  DeviceLinked: ({ device_id: id }) => ({ type: 'LOGGED_IN_FROM', id }),
  LoginRecorded: ({ device_id: id }) => ({ type: 'LOGGED_IN_FROM', id }),
  AddressAdded: ({ address_id: id }) => ({ type: 'SHIPPED_TO', id }),
  DigitalIdentifierAdded: ({ identifier_id: id }) => ({ type: 'HAS_DIGITAL_IDENTIFIER', id }),
  PaymentMethodAdded: ({ payment_method_id: id }) => ({ type: 'HAS_PAYMENT_METHOD', id }),
};

/** What a contest of the event makes unproven until it is decided; `undefined`: nothing, it only awaits a person. */
export function linkOf(type: string, data: unknown): ContestedLink | undefined {
  if (!Object.hasOwn(LINKS, type)) return undefined;
  return (LINKS[type as Restricting] as (data: unknown) => ContestedLink)(data);
}

const REMOVALS: Readonly<Record<ContestedLink['type'], CorrectionCommand>> = {
  LOGGED_IN_FROM: 'unlinkDevice',
  SHIPPED_TO: 'removeAddress',
  HAS_DIGITAL_IDENTIFIER: 'removeDigitalIdentifier',
  HAS_PAYMENT_METHOD: 'removePaymentMethod',
};

/** The correction that removes what the contested event linked. */
export const removalOf = ({ type, id }: ContestedLink): Correction => ({ command: REMOVALS[type], id });

/** A correction as the signal has it. */
export const correctionMessage = ({ command, id }: Correction) => ({ command, [CORRECTIONS[command]]: id });
