import { expiresOn } from '../../domain/payment-method.ts';
import type { PaymentMethodType } from '../../domain/payment-method.ts';
import type { GatewayPaymentMethod } from '../../domain/ports.ts';
import type { DataKey } from '../../security/data-key.ts';
import type { MethodDetails, WalletMethod } from './wallet.ts';

const PLAIN_DETAILS = [
  'brand',
  'network',
  'last_four',
  'expiry_month',
  'expiry_year',
  'funding',
  'country',
  'gateway_type',
] as const;

/** What is known of a method besides its token. */
export type KnownDetails = Omit<GatewayPaymentMethod, 'token' | 'type'> &
  Partial<Pick<GatewayPaymentMethod, 'type'>>;

/** What `known` has and the graph does not have, or has differently; `undefined`: nothing. */
export function changedDetails(
  method: Readonly<WalletMethod>,
  known: KnownDetails,
  key: DataKey,
): MethodDetails | undefined {
  const changes: MethodDetails = {};
  for (const field of PLAIN_DETAILS) {
    const value = known[field];
    if (value !== undefined && value !== method[field]) Object.assign(changes, { [field]: value });
  }
  if (known.type !== undefined && isOtherType(method.type, known.type)) changes.type = known.type;
  const month = known.expiry_month ?? method.expiry_month;
  const year = known.expiry_year ?? method.expiry_year;
  if (month !== null && year !== null && method.expires_on !== expiresOn(month, year)) {
    changes.expires_on = expiresOn(month, year);
  }
  const fingerprint = known.instrument_fingerprint;
  if (fingerprint !== undefined && fingerprint !== method.instrument_fingerprint) {
    changes.instrument_fingerprint = key.seal(
      fingerprint,
      'PaymentMethod',
      method.payment_method_id,
      'instrument_fingerprint',
    );
  }
  return Object.keys(changes).length === 0 ? undefined : changes;
}

/** A wallet's card is a card to the gateway, which does not always say whose: that is no other type. */
function isOtherType(before: PaymentMethodType, known: PaymentMethodType): boolean {
  return known !== before && !(before === 'digital_wallet' && known === 'card');
}
