/** What a charge results in: one answer of each kind. */

import type { ChargeAnswer } from '../../domain/ports.ts';
import type { AttemptState } from '../../domain/recovery/status.ts';

export const CHARGE_ANSWERS = {
  approved: { result: 'approved', gateway_ref: 'pi_1', charge_ref: 'ch_1' },
  declined: { result: 'declined', gateway_ref: 'pi_1', codes: { decline_code: 'insufficient_funds' } },
  pending: { result: 'pending', gateway_ref: 'pi_1' },
  unknown: { result: 'unknown', reason: 'timeout' },
  not_sent: { result: 'not_sent', reason: 'refused' },
  cancelled: { result: 'not_sent', reason: 'cancelled', cancelled: { gateway_ref: 'pi_1' } },
  withdrawn: {
    result: 'not_sent',
    reason: 'cancelled',
    cancelled: { gateway_ref: 'pi_1', because: 'duplicate' },
  },
} as const satisfies Record<string, ChargeAnswer>;

/** The state of the attempt after each result, as the graph must record it. */
export const STATE_AFTER: Readonly<Record<ChargeAnswer['result'], AttemptState>> = {
  approved: 'approved',
  declined: 'declined',
  pending: 'pending',
  unknown: 'unknown',
  not_sent: 'void',
};
