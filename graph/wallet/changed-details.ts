import { type ReportedDetails, newerDetails } from '../../domain/method-details.ts';
import { expiresOn } from '../../domain/payment-method.ts';
import type { DataKey } from '../../security/data-key.ts';
import type { MethodDetails, WalletMethod } from './wallet.ts';

/** The details in `known` that the graph lacks or has differently; `undefined`: none. */
export function changedDetails(
  method: Readonly<WalletMethod>,
  known: ReportedDetails,
  key: DataKey,
): MethodDetails | undefined {
  const {
    instrument_fingerprint: fingerprint,
    gateway_customer_ref: _,
    ...newer
  } = newerDetails(method, known);
  const changes = newer as MethodDetails;
  const month = known.expiry_month ?? method.expiry_month;
  const year = known.expiry_year ?? method.expiry_year;
  if (month !== null && year !== null && method.expires_on !== expiresOn(month, year)) {
    changes.expires_on = expiresOn(month, year);
  }
  if (fingerprint !== undefined) {
    changes.instrument_fingerprint = key.seal(
      fingerprint,
      'PaymentMethod',
      method.payment_method_id,
      'instrument_fingerprint',
    );
  }
  return Object.keys(changes).length === 0 ? undefined : changes;
}
