import type { Sealed } from './sealed.ts';

/** What the person did with an event of their stream. */
export interface RightsEvents {
  /** `seq`: the event that the note is about. */
  EventAnnotated: { seq: number; text: Sealed };
}
