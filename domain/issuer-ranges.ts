/**
 * The number ranges that card networks issue: leading digits and lengths, from the networks' public developer pages and
 * ISO/IEC 7812 registrations (edition 2026). Only for refusing card numbers; never used for routing.
 */

interface IssuerRange {
  readonly network: string;
  /** Leading digits, both inclusive and of the same length. */
  readonly from: string;
  readonly to: string;
  readonly lengths: readonly number[];
}

const SIXTEEN = [16];
const SIXTEEN_TO_NINETEEN = [16, 17, 18, 19];
const TWELVE_TO_NINETEEN = [12, 13, 14, 15, 16, 17, 18, 19];

const RANGES: readonly IssuerRange[] = [
  range('visa', '4', '4', [13, 16, 18, 19]),
  range('mastercard', '51', '55', SIXTEEN),
  range('mastercard', '2221', '2720', SIXTEEN),
  range('amex', '34', '34', [15]),
  range('amex', '37', '37', [15]),
  range('discover', '6011', '6011', SIXTEEN_TO_NINETEEN),
  range('discover', '644', '659', SIXTEEN_TO_NINETEEN),
  range('diners', '300', '305', [14, 16, 17, 18, 19]),
  range('diners', '3095', '3095', [14, 16, 17, 18, 19]),
  range('diners', '36', '36', [14, 16, 17, 18, 19]),
  range('diners', '38', '39', [14, 16, 17, 18, 19]),
  range('jcb', '3528', '3589', SIXTEEN_TO_NINETEEN),
  range('jcb', '2131', '2131', [15, 16]),
  range('jcb', '1800', '1800', [15, 16]),
  range('unionpay', '62', '62', SIXTEEN_TO_NINETEEN),
  range('unionpay', '810', '817', SIXTEEN_TO_NINETEEN),
  range('maestro', '5018', '5018', TWELVE_TO_NINETEEN),
  range('maestro', '5020', '5020', TWELVE_TO_NINETEEN),
  range('maestro', '5038', '5038', TWELVE_TO_NINETEEN),
  range('maestro', '5893', '5893', TWELVE_TO_NINETEEN),
  range('maestro', '6304', '6304', TWELVE_TO_NINETEEN),
  range('maestro', '6759', '6763', TWELVE_TO_NINETEEN),
  range('mir', '2200', '2204', SIXTEEN_TO_NINETEEN),
  range('rupay', '508', '508', SIXTEEN),
  range('rupay', '60', '60', SIXTEEN),
  range('rupay', '82', '82', SIXTEEN),
  range('verve', '506099', '506198', [16, 18, 19]),
  range('elo', '5066', '5067', SIXTEEN),
  range('elo', '509', '509', SIXTEEN),
  range('elo', '636297', '636297', SIXTEEN),
  range('elo', '636368', '636368', SIXTEEN),
  range('troy', '9792', '9792', SIXTEEN),
];

/** Whether a network may have issued this number. `digits` without separators. */
export function isInIssuerRange(digits: string): boolean {
  return RANGES.some(({ from, to, lengths }) => {
    const lead = digits.slice(0, from.length);
    return lengths.includes(digits.length) && lead >= from && lead <= to;
  });
}

function range(network: string, from: string, to: string, lengths: readonly number[]): IssuerRange {
  return { network, from, to, lengths };
}
