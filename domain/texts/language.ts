/** What customers read, in one language. */

import type { DeclineClass } from '../decline/classify.ts';
import type { CatalogueEvents } from '../events/catalogue.ts';
import type { EventData, EventType } from '../events/event.ts';
import type { NoticeLanguage } from '../notices/content.ts';
import type { AttemptStatus, RecoveryStatus } from '../recovery/status.ts';

/** The details that name a payment method. */
export interface MethodName {
  brand?: string | null;
  last_four?: string | null;
}

/** Events that are not described: of other customers, or about a suspicion. Their effects have their own events. */
type MaskedEvent =
  | 'IdentityMatchSuggested'
  | 'IdentityMatchResolved'
  // The reason may be a suspicion.
  | 'PaymentMethodDisputed'
  // The score reveals a suspicion or its absence.
  | 'DeviceTrustScoreUpdated'
  | 'FraudOutcomeApplied'
  | 'FraudReviewReminded'
  // A timeline that ends with these has no reader.
  | 'ErasureAnnounced'
  | 'CustomerErased'
  // In no customer's stream.
  | keyof CatalogueEvents;
export type ShownEvent = Exclude<EventType, MaskedEvent>;

export type EventText<T extends EventType> = (
  data: EventData[T],
  /** A payment method's name for the start of a sentence. */
  name: (paymentMethodId: string) => string,
) => string;

/** Who caused an event, as the person reads it. */
export type Party = 'customer' | 'service' | 'gateway' | 'operator' | 'persona';

/** `undefined`: that `by` did it says enough. */
export type EventReason<T extends EventType> = (data: EventData[T], by: Party) => string | undefined;

export interface Language extends NoticeLanguage {
  readonly recovery: {
    readonly failure: Readonly<Record<DeclineClass, string>>;
    readonly waiting: Readonly<Record<NonNullable<RecoveryStatus['waiting_for']>, string>>;
    readonly outcome: Readonly<Record<NonNullable<RecoveryStatus['outcome']>, string>>;
    readonly attempt: Readonly<Record<Exclude<AttemptStatus['state'], 'declined'>, string>>;
  };
  readonly timeline: {
    /** For an event that is not described, or that this release does not know. */
    readonly masked: string;
    readonly methodName: (method: MethodName | undefined) => string;
    readonly events: { readonly [T in ShownEvent]: EventText<T> };
    /** What decided: the party's own words, unless the event's type has better ones. */
    readonly why: {
      readonly by: Readonly<Record<Party, string>>;
      readonly events: { readonly [T in ShownEvent]?: EventReason<T> };
    };
  };
}
