/** Oracle's valuation of a customer (docs/reference/interfaces.md, 'AnalyticsFeedback'). */

import { minorFromDecimal } from '../money.ts';
import { SEGMENT } from '../onboarding/fields.ts';
import {
  EXTERNAL_ID,
  type FieldReader,
  omitUndefined,
  type TextRule,
  validateMessage,
  type ValidationFailure,
} from '../validation.ts';

export interface AnalyticsFeedback {
  event_id: string;
  customer_id: string;
  /** Minor units of the reporting currency: the whole value at `occurred_at`. */
  ltv_minor?: number;
  /** In upper case. */
  segment?: string;
  /** RFC 3339: as of when the customer was valued. */
  occurred_at: string;
}

/**
 * The message with its time in UTC and its ids in lower case, without unknown fields, or all problems.
 * @param reportingCurrency ISO 4217, the currency of `ltv`
 */
export function validateAnalyticsFeedback(
  input: unknown,
  reportingCurrency: string,
): { ok: true; message: AnalyticsFeedback } | ValidationFailure {
  return validateMessage(input, (fields) => readAnalyticsFeedback(fields, reportingCurrency));
}

function readAnalyticsFeedback(fields: FieldReader, reportingCurrency: string): AnalyticsFeedback {
  const feedback = omitUndefined({
    event_id: fields.requiredText('event_id', EXTERNAL_ID),
    customer_id: fields.requiredUuid('customer_id'),
    ltv_minor: readAmount(fields, 'ltv', reportingCurrency),
    segment: fields.text('segment', SEGMENT)?.toUpperCase(),
    occurred_at: fields.requiredTimestamp('occurred_at'),
  });
  if (fields.rawValue('ltv') === undefined && fields.rawValue('segment') === undefined)
    fields.refuse('ltv', 'is required unless there is a segment');
  return feedback;
}

const AMOUNT: TextRule = {
  max: 24,
  pattern: /^\d{1,12}(\.\d{1,4})?$/,
  requirement: 'be a non-negative amount, such as 1250.00',
};

function readAmount(fields: FieldReader, field: string, currency: string): number | undefined {
  const text = fields.text(field, AMOUNT);
  if (text === undefined) return undefined;
  return minorFromDecimal(text, currency) ?? fields.refuse(field, `must be an amount in ${currency}`);
}
