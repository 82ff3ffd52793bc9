import type { EventData } from '../../domain/events.ts';

/** The methods that look different after a change of the default. */
export function namedBy({
  payment_method_id,
  previous_payment_method_id,
  unmarked = [],
}: EventData['DefaultPaymentMethodChanged']): string[] {
  const named = [payment_method_id, previous_payment_method_id, ...unmarked];
  return named.filter((id) => id !== null);
}
