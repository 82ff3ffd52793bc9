import type { IdentifierDetails } from '../onboarding/types.ts';
import type { Sealed } from './sealed.ts';

/** A customer's e-mail addresses and phone numbers. */
export interface IdentifierEvents {
  DigitalIdentifierAdded: {
    identifier_id: string;
    type: IdentifierDetails['type'];
    value: Sealed;
    is_verified: boolean;
  };
  DigitalIdentifierVerified: {
    identifier_id: string;
    /** What the verifier states, such as the code that came back. Only here: no node has it. */
    evidence?: Sealed;
  };
  DigitalIdentifierRemoved: { identifier_id: string };
}
