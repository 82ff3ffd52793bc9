/** The script of a payment method: the outcome of each charge request (docs/reference/interfaces.md, 'Simulators'). */

const ACTS = [
  'approve',
  'decline',
  'processing',
  'requires_action',
  'error_500',
  'drop_before_capture',
  'drop_after_capture',
  'hold_before_capture',
  'hold_after_capture',
] as const;
const WEBHOOKS = ['after', 'before', 'twice', 'none'] as const;
const OUTCOMES = {
  approve: 'succeeded',
  succeeded: 'succeeded',
  decline: 'failed',
  failed: 'failed',
} as const;
const CODES = ['code', 'decline_code', 'advice_code', 'network_decline_code', 'network_advice_code'] as const;

export interface StepDeclineCodes {
  code?: string;
  decline_code?: string;
  advice_code?: string;
  network_decline_code?: string;
  network_advice_code?: string;
}

export interface Step extends StepDeclineCodes {
  do: (typeof ACTS)[number];
  /** Delay before anything else, in milliseconds of real time. */
  delay_ms?: number;
  /** How a `processing` charge settles or an authentication is completed; milliseconds of the simulator's clock. */
  settle?: { after_ms: number; outcome: 'succeeded' | 'failed' };
  /** When the charge's webhook is sent, relative to the response; default `after`. */
  webhook?: (typeof WEBHOOKS)[number];
}

/** An invalid script; the message names the field and the rule. */
export class ScriptError extends Error {}

/**
 * Validates one step.
 * @throws ScriptError
 */
export function readStep(input: unknown, field: string): Step {
  const raw = objectAt(input, field);
  const step: Step = { do: oneOf(raw.do, ACTS, `${field}.do`) };
  for (const code of CODES) {
    if (raw[code] !== undefined) step[code] = stringAt(raw[code], `${field}.${code}`);
  }
  if (raw.delay_ms !== undefined) step.delay_ms = durationAt(raw.delay_ms, `${field}.delay_ms`);
  if (raw.webhook !== undefined) step.webhook = oneOf(raw.webhook, WEBHOOKS, `${field}.webhook`);
  if (raw.settle !== undefined) {
    if (step.do !== 'processing' && step.do !== 'requires_action') {
      throw new ScriptError(`${field}.settle: only for 'processing' and 'requires_action'`);
    }
    const settle = objectAt(raw.settle, `${field}.settle`);
    const outcome = oneOf(
      settle.outcome,
      Object.keys(OUTCOMES) as (keyof typeof OUTCOMES)[],
      `${field}.settle.outcome`,
    );
    step.settle = {
      after_ms: durationAt(settle.after_ms, `${field}.settle.after_ms`),
      outcome: OUTCOMES[outcome],
    };
  }
  return step;
}

function objectAt(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ScriptError(`${field}: must be an object`);
  }
  return value as Record<string, unknown>;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], field: string): T {
  if (allowed.includes(value as T)) return value as T;
  throw new ScriptError(`${field}: must be one of ${allowed.join(', ')}`);
}

function stringAt(value: unknown, field: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ScriptError(`${field}: must be a non-empty string`);
}

function durationAt(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new ScriptError(`${field}: must be a number of milliseconds, 0 or more`);
}
