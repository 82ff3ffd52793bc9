/** What agents measure about their personas. Metrics are no events: they are only added, and deleted when they are old. */

import { EXTERNAL_ID, type TextRule, validate, type ValidationFailure } from '../validation.ts';

export interface PersonaMetric {
  name: string;
  value: number;
  unit: string;
  /** RFC 3339; absent: when it was recorded. */
  at?: string;
  /** The persona's version that was measured; absent: the current one. */
  version?: number;
}

/** Values of one metric in one period. */
export interface MetricBucket {
  /** When the period begins, RFC 3339. */
  at: string;
  count: number;
  mean: number;
  p50: number;
  p95: number;
}

export const MAX_METRICS = 1_000;
/** Of a metric: `latency`, `tokens.out`. */
export const METRIC_NAME: TextRule = {
  max: 100,
  pattern: /^[A-Za-z0-9._-]+$/,
  requirement: 'consist of A–Z, a–z, 0–9, ".", "_" and "-"',
};
/** Of a value, either sign: sums and means of any number of them are still numbers. */
const MAX_VALUE = 1e100;
const UNIT: TextRule = { ...EXTERNAL_ID, max: 20 };

/**
 * Reads an untrusted batch of metrics.
 * @param now epoch milliseconds: a metric must not be of the future, nor older than it is stored
 */
export function readMetrics(
  input: unknown,
  { now, metricsFor }: { now: number; metricsFor: number },
): { ok: true; value: PersonaMetric[] } | ValidationFailure {
  return validate(input, (fields) => {
    const entries = fields.objects('metrics', MAX_METRICS);
    if (entries.length === 0 && fields.problems.length === 0) fields.refuse('metrics', 'is required');
    return entries.map((entry) => {
      if (entry.rawValue('value') === undefined) entry.refuse('value', 'is required');
      const value = entry.number('value', -MAX_VALUE, MAX_VALUE) ?? 0;
      const at = entry.has('at') ? entry.requiredTimestamp('at') : undefined;
      if (at !== undefined && Date.parse(at) > now + CLOCK_SKEW_MS)
        entry.refuse('at', 'must not be in the future');
      if (at !== undefined && Date.parse(at) < now - metricsFor)
        entry.refuse('at', 'must not be older than catalogue.metricsFor');
      const version = entry.integer('version', 1);
      return {
        name: entry.requiredText('name', METRIC_NAME),
        value,
        unit: entry.requiredText('unit', UNIT),
        ...(at !== undefined && { at }),
        ...(version !== undefined && { version }),
      };
    });
  });
}

/** Clocks of other machines. */
const CLOCK_SKEW_MS = 5 * 60_000;
