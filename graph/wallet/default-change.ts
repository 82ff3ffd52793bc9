import type { EventData } from '../../domain/events.ts';

/** The methods that a change of the default affects. */
export function affectedMethods({
  payment_method_id,
  previous_payment_method_id,
  unmarked = [],
}: EventData['DefaultPaymentMethodChanged']): string[] {
  const affected = [payment_method_id, previous_payment_method_id, ...unmarked];
  return affected.filter((id) => id !== null);
}
