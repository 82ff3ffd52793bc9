/** Which traces are exported: decided once, where a trace enters Persona (docs/decisions/34-traces.md). */

import { type Attributes, type Context, type Link, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import {
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';
import type { Policy } from '../domain/policy.ts';

const YES: SamplingResult = { decision: SamplingDecision.RECORD_AND_SAMPLED };
const NO: SamplingResult = { decision: SamplingDecision.NOT_RECORD };

/**
 * A request, an rpc or a record without a trace is sampled by the ratio. One that continues a trace keeps the caller's
 * decision, up to a number of sampled ones per second; beyond it the ratio decides. Everything else is sampled with its
 * parent, and never without one.
 *
 * @param now milliseconds of any clock
 */
export function createSampler(
  policy: Policy['traces'],
  now: () => number = () => performance.now(),
): Sampler {
  const byRatio = new TraceIdRatioBasedSampler(policy.sampleRatio);
  const admitted = createBudget(policy.maxCallerSampledPerSecond, now);
  return {
    shouldSample(
      parentContext: Context,
      traceId: string,
      _name: string,
      kind: SpanKind,
      _attributes: Attributes,
      _links: Link[],
    ) {
      const parent = trace.getSpanContext(parentContext);
      const isEntrance = kind === SpanKind.SERVER || kind === SpanKind.CONSUMER;
      if (parent === undefined) return isEntrance ? byRatio.shouldSample(parentContext, traceId) : NO;
      if ((parent.traceFlags & TraceFlags.SAMPLED) === 0) return NO;
      return !isEntrance || admitted() ? YES : byRatio.shouldSample(parentContext, traceId);
    },
    toString: () => 'PersonaSampler',
  };
}

/** Allows `perSecond` calls, refilled continuously. */
function createBudget(perSecond: number, now: () => number): () => boolean {
  let left = perSecond;
  let at = now();
  return () => {
    const time = now();
    left = Math.min(perSecond, left + ((time - at) * perSecond) / 1_000);
    at = time;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
