import type { PaymentMethodType } from './payment-method.ts';
import type { GatewayPaymentMethod } from './ports.ts';

/** What is known of a method besides its token. */
export type KnownDetails = Omit<GatewayPaymentMethod, 'token' | 'type'> &
  Partial<Pick<GatewayPaymentMethod, 'type'>>;

/** The same as the graph has it. */
export interface HeldDetails {
  type: PaymentMethodType;
  brand: string | null;
  network: string | null;
  last_four: string | null;
  expiry_month: number | null;
  expiry_year: number | null;
  funding: string | null;
  country: string | null;
  gateway_type: string | null;
  instrument_fingerprint: string | null;
}

const PLAIN = [
  'brand',
  'network',
  'last_four',
  'expiry_month',
  'expiry_year',
  'funding',
  'country',
  'gateway_type',
  'instrument_fingerprint',
] as const;

/** What `known` has and the graph does not have, or has differently. What `known` does not say is no difference. */
export function newerDetails(held: Readonly<HeldDetails>, known: KnownDetails): KnownDetails {
  const newer: KnownDetails = {};
  for (const field of PLAIN) {
    const value = known[field];
    if (value !== undefined && value !== held[field]) Object.assign(newer, { [field]: value });
  }
  if (known.type !== undefined && isOtherType(held.type, known.type)) newer.type = known.type;
  return newer;
}

/** A wallet's card is a card to the gateway, which does not always say whose: that is no other type. */
function isOtherType(before: PaymentMethodType, known: PaymentMethodType): boolean {
  return known !== before && !(before === 'digital_wallet' && known === 'card');
}
