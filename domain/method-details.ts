import type { PaymentMethodType } from './payment-method.ts';
import type { GatewayPaymentMethod } from './ports.ts';

/** A method's details as the gateway reports them, without its token. */
export type ReportedDetails = Omit<GatewayPaymentMethod, 'token' | 'type'> &
  Partial<Pick<GatewayPaymentMethod, 'type'>>;

/** The same details as the graph has them. */
export interface StoredDetails {
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

const COMPARED_FIELDS = [
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

/** The reported details that the graph lacks or has differently. A field that was not reported is no difference. */
export function newerDetails(stored: Readonly<StoredDetails>, reported: ReportedDetails): ReportedDetails {
  const newer: ReportedDetails = {};
  for (const field of COMPARED_FIELDS) {
    const value = reported[field];
    if (value !== undefined && value !== stored[field]) Object.assign(newer, { [field]: value });
  }
  if (reported.type !== undefined && isOtherType(stored.type, reported.type)) newer.type = reported.type;
  return newer;
}

/** The gateway reports a digital wallet's card as a card, not always with its wallet: the type has not changed. */
function isOtherType(current: PaymentMethodType, reported: PaymentMethodType): boolean {
  return reported !== current && !(current === 'digital_wallet' && reported === 'card');
}
