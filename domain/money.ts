/**
 * Money is an integer number of minor units and an ISO 4217 code; decimals exist only as text, for display and on the
 * wire. The exponents are ISO 4217's, not CLDR's (which drops the fils of the Iraqi dinar) and not a gateway's.
 */

/** ISO 4217, list one, edition of 1 January 2026: codes of currencies that can be owed (no metals, no test codes). */
const CODES =
  'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP ' +
  'CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF ' +
  'IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD ' +
  'MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB ' +
  'RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD ' +
  'UYU UYW UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG';
/** Withdrawn recently and still present on earlier payments: the lev, the guilder, the old leone and others. */
const WITHDRAWN = 'ANG BGN CUC HRK SLL ZWL';
const EXPONENTS: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
};

const EXPONENT_OF: ReadonlyMap<string, number> = new Map([
  ...`${CODES} ${WITHDRAWN}`.split(' ').map((code): [string, number] => [code, 2]),
  ...Object.entries(EXPONENTS).flatMap(([exponent, codes]) =>
    codes.split(' ').map((code): [string, number] => [code, Number(exponent)]),
  ),
]);

/** Whether the text is an ISO 4217 code in upper case. */
export function isCurrency(code: string): boolean {
  return EXPONENT_OF.has(code);
}

/**
 * How many decimals the currency has: 0 (JPY), 2 (EUR), 3 (KWD), 4 (CLF).
 * @throws RangeError for a code that is not ISO 4217
 */
export function currencyExponent(currency: string): number {
  const exponent = EXPONENT_OF.get(currency);
  if (exponent === undefined) throw new RangeError(`${currency} is not an ISO 4217 currency code`);
  return exponent;
}

/** Converts minor units to an exact decimal: 1250, EUR → `12.50`; −5, KWD → `-0.005`. */
export function decimalFromMinor(minor: number | bigint, currency: string): string {
  const exponent = currencyExponent(currency);
  const units = BigInt(minor);
  const digits = (units < 0n ? -units : units).toString().padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const fraction = exponent === 0 ? '' : `.${digits.slice(digits.length - exponent)}`;
  return `${units < 0n ? '-' : ''}${whole}${fraction}`;
}

/**
 * Converts a decimal to minor units: `12.5`, EUR → 1250. `undefined` for text that is not a decimal, has more decimals
 * than the currency, or exceeds the safe integers.
 */
export function minorFromDecimal(text: string, currency: string): number | undefined {
  const exponent = currencyExponent(currency);
  const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (parts === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = parts;
  if (fraction.length > exponent) return undefined;
  const minor = Number(`${whole}${fraction.padEnd(exponent, '0')}`);
  if (!Number.isSafeInteger(minor)) return undefined;
  return sign === '-' && minor !== 0 ? -minor : minor;
}

/** Formats an amount for display in a locale: 1250, EUR, `en` → `€12.50`. An unknown locale falls back to English. */
export function formatMoney(minor: number | bigint, currency: string, locale: string): string {
  const exponent = currencyExponent(currency);
  const format = new Intl.NumberFormat(knownLocale(locale), {
    style: 'currency',
    currency,
    minimumFractionDigits: exponent,
    maximumFractionDigits: exponent,
  });
  // As text, so that no amount is converted to floating point.
  return format.format(decimalFromMinor(minor, currency) as Intl.StringNumericLiteral);
}

function knownLocale(locale: string): string {
  try {
    return Intl.NumberFormat.supportedLocalesOf(locale)[0] ?? 'en';
  } catch {
    return 'en';
  }
}
