/** Asks a persona: a model answers with the persona's instructions. */

import { randomUUID } from 'node:crypto';
import { promptFor, readQuestion } from '../domain/catalogue/question.ts';
import { PersonaError, validationError } from '../domain/errors.ts';
import type { ModelProvider, RetrievalEngine } from '../domain/ports.ts';
import { recordMetrics, unknownPersona } from '../graph/catalogue/index.ts';
import { type Caller, remaining } from './caller.ts';
import type { CatalogueDependencies } from './catalogue.ts';
import type { PersonaView } from './views.ts';

/** What asking a persona took. */
export interface AskedModel {
  result: 'ok' | 'failed' | 'cancelled';
  seconds: number;
  /** Until the first part of the answer; absent: there was none. */
  firstSeconds?: number;
  inputTokens?: number;
  outputTokens?: number;
}

export type AskPersonaDependencies = CatalogueDependencies & { readonly asking: Asking };

export interface Asking {
  /** Absent: none is configured. */
  readonly model?: ModelProvider | undefined;
  readonly retrieval?: RetrievalEngine | undefined;
  onAsked(asked: AskedModel): void;
  /** The persona's own metrics could not be stored. */
  onMetricsLost(error: unknown): void;
}

export interface AnswerSummary {
  persona: string;
  version: number;
  model: string;
  /** `away`: it is configured and gave no answer in time. */
  retrieval: 'used' | 'away' | 'not_configured';
  latency_ms: number;
  /** Absent: the model did not say. */
  usage?: { input_tokens: number; output_tokens: number };
}

/** Parts of the answer as it is written; the summary comes last. */
export type AnswerPart = { text: string } | { summary: AnswerSummary };

/** Reserved before the caller's deadline for the response. */
const MARGIN_MS = 500;

/**
 * @param request.body untrusted: a `PersonaQuestion`
 * @throws PersonaError invalid_argument and card_number_refused with all problems, persona_not_found, persona_inactive,
 *   model_not_configured, model_unavailable, deadline_exceeded
 */
export async function* askPersona(
  dependencies: AskPersonaDependencies,
  caller: Caller,
  { name, body }: { name: string; body: unknown },
): AsyncGenerator<AnswerPart> {
  const { catalogue, asking } = dependencies;
  const read = readQuestion(body);
  if (!read.ok) throw validationError(read.problems, read.type);
  const persona = catalogue.find(name);
  if (persona === undefined) throw unknownPersona(name);
  catalogue.count('memory');
  if (!persona.is_active) throw new PersonaError('persona_inactive', `persona ${name} is not active`);
  const { model, retrieval } = asking;
  if (model === undefined)
    throw new PersonaError(
      'model_not_configured',
      'No model is configured: set MODEL_API_BASE and MODEL_NAME',
    );

  const startedAt = performance.now();
  const elapsed = () => performance.now() - startedAt;
  const limit = AbortSignal.timeout(Math.max(1, remaining(caller) - MARGIN_MS));
  // Also when the caller stops reading.
  const left = new AbortController();
  const signal = AbortSignal.any([caller.signal, limit, left.signal]);
  const asked: AskedModel = { result: 'cancelled', seconds: 0 };
  try {
    const passages = await retrieval?.find(read.value.message, signal);
    for await (const part of model.answer(promptFor(persona, read.value, passages ?? []), signal)) {
      if ('usage' in part) {
        asked.inputTokens = part.usage.input_tokens;
        asked.outputTokens = part.usage.output_tokens;
        continue;
      }
      asked.firstSeconds ??= elapsed() / 1_000;
      yield part;
    }
    asked.result = 'ok';
    const summary: AnswerSummary = {
      ...{ persona: name, version: persona.version, model: model.model },
      retrieval: retrieval === undefined ? 'not_configured' : passages === undefined ? 'away' : 'used',
      latency_ms: Math.round(elapsed()),
      ...(asked.outputTokens !== undefined && {
        usage: { input_tokens: asked.inputTokens ?? 0, output_tokens: asked.outputTokens },
      }),
    };
    yield { summary };
  } catch (error) {
    if (caller.signal.aborted)
      throw new PersonaError('deadline_exceeded', 'the caller disconnected', { cause: error });
    asked.result = 'failed';
    if (!limit.aborted) throw error;
    throw new PersonaError('deadline_exceeded', 'The model did not finish in time', { cause: error });
  } finally {
    left.abort();
    asked.seconds = elapsed() / 1_000;
    asking.onAsked(asked);
    if (asked.result === 'ok') void storeMetrics(dependencies, caller, persona, asked);
  }
}

/** In the background: the answer does not wait for it. */
async function storeMetrics(
  { graph, asking }: AskPersonaDependencies,
  { actor, correlationId }: Caller,
  { name, version }: PersonaView,
  { seconds, inputTokens, outputTokens }: AskedModel,
): Promise<void> {
  const measured = [
    { name: 'ask.latency', value: Math.round(seconds * 1_000), unit: 'ms' },
    ...(inputTokens === undefined ? [] : [{ name: 'ask.tokens.in', value: inputTokens, unit: 'tokens' }]),
    ...(outputTokens === undefined ? [] : [{ name: 'ask.tokens.out', value: outputTokens, unit: 'tokens' }]),
  ];
  const header = {
    ...{ caller: 'persona', actor, correlationId, isHeaderKey: true as const },
    idempotencyKey: `ask ${randomUUID()}`,
    occurredAt: new Date().toISOString(),
  };
  const metrics = measured.map((metric) => ({ ...metric, version }));
  await recordMetrics(graph, header, { persona: name, metrics }).catch(asking.onMetricsLost);
}
