/** What asking personas takes: durations and tokens of the model, without the persona's name, which may be one of many. */

import { Counter, Histogram, type Registry } from 'prom-client';
import type { Logger } from './logs.ts';

interface AskedModel {
  result: string;
  seconds: number;
  firstSeconds?: number;
  inputTokens?: number;
  outputTokens?: number;
}

export function observeAsking(registry: Registry, logger: Logger) {
  const registers = [registry];
  const buckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];
  const duration = new Histogram({
    name: 'persona_model_duration_seconds',
    help: 'Duration of answers of the model, by result; cancelled: the caller left',
    labelNames: ['result'],
    buckets,
    registers,
  });
  const first = new Histogram({
    name: 'persona_model_first_token_seconds',
    help: 'Time until the first part of an answer of the model',
    buckets,
    registers,
  });
  const tokens = new Counter({
    name: 'persona_model_tokens_total',
    help: 'Tokens that the model has counted, by direction',
    labelNames: ['direction'],
    registers,
  });
  return {
    onAsked({ result, seconds, firstSeconds, inputTokens = 0, outputTokens = 0 }: AskedModel): void {
      duration.observe({ result }, seconds);
      if (firstSeconds !== undefined) first.observe(firstSeconds);
      tokens.inc({ direction: 'in' }, inputTokens);
      tokens.inc({ direction: 'out' }, outputTokens);
    },
    onMetricsLost(error: unknown): void {
      logger.warn({ err: error }, "a persona's metrics are not stored");
    },
  };
}
