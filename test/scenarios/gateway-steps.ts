/** What the simulated gateway does with a charge request, at random. */

import fc from 'fast-check';
import type { Step } from '../../dev/simulators/gateway/control/steps.ts';
import { below, choice, drawn, weighted } from './draw.ts';

/** Of a declined charge. */
const declineCode = weighted({
  insufficient_funds: 6,
  do_not_honor: 3,
  processing_error: 2,
  expired_card: 1,
  authentication_required: 1,
  stolen_card: 1,
  revocation_of_authorization: 1,
});

const timing = {
  delay_ms: below(300),
  webhook: weighted({ after: 4, before: 2, twice: 2, none: 1 }),
};

/** Every step except `requires_action`. */
export const gatewayStep: fc.Arbitrary<Step> = fc.oneof(
  choice(8, { do: 'approve', ...timing }),
  choice(5, { do: 'decline', decline_code: declineCode, ...timing }),
  choice(2, { do: 'drop_before_capture', ...timing }),
  choice(3, { do: 'drop_after_capture', ...timing }),
  choice(2, { do: 'hold_before_capture', ...timing }),
  choice(3, { do: 'hold_after_capture', ...timing }),
  choice(1, { do: 'error_500', ...timing }),
  choice(2, {
    do: 'processing',
    settle: drawn({ after_ms: below(8_000), outcome: weighted({ succeeded: 3, failed: 2 }) }),
    ...timing,
  }),
);
