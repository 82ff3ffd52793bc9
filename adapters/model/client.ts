/** A language model behind an OpenAI-compatible server: `POST {base}/chat/completions`, streamed (docs/reference/interfaces.md, 'Model'). */

import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { PersonaError } from '../../domain/errors.ts';
import type { ModelChunk, ModelPrompt, ModelProvider } from '../../domain/ports.ts';
import { isRecord } from '../../domain/validation.ts';
import { CallerLeft, failureOf } from './caller-left.ts';

/** Until the first token, and between two parts of an answer: a model that is silent for longer hangs. */
const SILENCE_MS = 15_000;
const CHECK_MS = 2_000;
/** Failures in a row that open the breaker, so that callers do not wait for a model that is away. */
const FAILURES_TO_OPEN = 5;
const OPEN_FOR_MS = 10_000;
/** A request that failed before the first token is sent once more, unless that took as long as a caller waits; after it, never. */
const TRIES = 2;
/** At most this long a model's `Retry-After` is heeded: an operator may have raised its limit since. */
const MAX_PAUSE_MS = 60_000;
/** Characters of an answer; a model that writes on and on is stopped. */
const MAX_ANSWER = 200_000;

export interface ModelOptions {
  /** `MODEL_API_BASE`, such as `https://api.openai.com/v1`. */
  base: string;
  apiKey?: string | undefined;
  model: string;
}

type Parts = AsyncIterator<ModelChunk, void>;

export function createModelClient({ base, apiKey, model }: ModelOptions): ModelProvider {
  const headers = {
    'content-type': 'application/json',
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  };
  // Callers who leave, and questions that the model refuses, must not close it to everyone else.
  const saysModelFails = (error: unknown): boolean =>
    error instanceof CallerLeft
      ? breaker.state !== CircuitState.Closed
      : !(error instanceof RefusedByModel && error.isAboutQuestion);
  const breaker = circuitBreaker(handleWhen(saysModelFails), {
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
    halfOpenAfter: OPEN_FOR_MS,
  });

  /** Monotonic milliseconds: until then the model has asked not to be asked. */
  let pausedUntil = -Infinity;

  /** Sends the request and waits for the first part of the answer. */
  const begin = async (
    prompt: ModelPrompt,
    signal: AbortSignal,
  ): Promise<{ first: ModelChunk; rest: Parts }> => {
    const watch = watchSilence(signal);
    const response = await fetch(`${base}/chat/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify(requestOf(model, prompt)),
      redirect: 'manual',
      signal: watch.signal,
    });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      const refusal = new RefusedByModel(response);
      pausedUntil = Math.max(pausedUntil, performance.now() + (refusal.retryAfterMs ?? 0));
      throw refusal;
    }
    if (response.headers.get('content-type')?.startsWith('application/json')) {
      await response.body.cancel();
      throw new Error('it answered with JSON, perhaps an error, and not with a stream');
    }
    const rest = partsOf(response.body, watch.reset);
    const { value: first, done } = await rest.next();
    if (done || first === undefined) throw new Error('it sent no answer');
    return { first, rest };
  };

  const beginWithRetry = async (prompt: ModelPrompt, signal: AbortSignal) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await begin(prompt, signal);
      } catch (error) {
        const isFinal =
          error instanceof SilentModel || (error instanceof RefusedByModel && !error.isRetryable);
        if (isFinal || signal.aborted || attempt >= TRIES) throw failureOf(error, signal);
      }
    }
  };

  return {
    model,
    async *answer(prompt, signal) {
      try {
        // Cockatiel would let others wait for the one request that tries whether the model works again.
        if (breaker.state === CircuitState.HalfOpen) throw new BrokenCircuitError();
        const pauseMs = pausedUntil - performance.now();
        if (pauseMs > 0) throw new PausedByModel(pauseMs);
        const { first, rest } = await breaker.execute(() => beginWithRetry(prompt, signal));
        yield first;
        for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
      } catch (error) {
        if (signal.aborted) throw error;
        throw unavailable(error);
      }
    },
    async isAvailable() {
      if (breaker.state !== CircuitState.Closed) return false;
      try {
        const response = await fetch(`${base}/models`, { headers, signal: AbortSignal.timeout(CHECK_MS) });
        await response.body?.cancel();
        return response.ok;
      } catch {
        return false;
      }
    },
  };
}

class SilentModel extends Error {
  constructor() {
    super('it is silent');
  }
}

class PausedByModel extends Error {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('it has asked to be asked later');
    this.retryAfterMs = retryAfterMs;
  }
}

/** 4xx that other questions need not get. */
const ABOUT_QUESTION: readonly number[] = [400, 413, 422];

class RefusedByModel extends Error {
  readonly isRetryable: boolean;
  readonly isAboutQuestion: boolean;
  readonly retryAfterMs: number | undefined;

  constructor({ status, headers }: Response) {
    super(status === 429 ? 'it responded with 429: too many requests' : `it responded with ${status}`);
    this.retryAfterMs = retryAfterOf(headers.get('retry-after'));
    this.isAboutQuestion = ABOUT_QUESTION.includes(status);
    this.isRetryable = status >= 500 && this.retryAfterMs === undefined;
  }
}

/** RFC 9110, 10.2.3: seconds, or a date. */
function retryAfterOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return ms > 0 ? Math.min(ms, MAX_PAUSE_MS) : undefined;
}

function requestOf(model: string, { instructions, message, max_tokens }: ModelPrompt): object {
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: [
      { role: 'system', content: instructions },
      { role: 'user', content: message },
    ],
    ...(max_tokens !== undefined && { max_tokens }),
  };
}

/** Aborts with `signal`, and when `reset` was not called for too long. */
function watchSilence(signal: AbortSignal): { signal: AbortSignal; reset: () => void } {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new SilentModel()), SILENCE_MS).unref();
  return { signal: AbortSignal.any([signal, silence.signal]), reset: () => void timer.refresh() };
}

/** @throws Error for anything but a complete answer; its message holds nothing of the answer */
async function* partsOf(
  body: ReadableStream<Uint8Array>,
  onPart: () => void,
): AsyncGenerator<ModelChunk, void> {
  const events = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .pipeThrough(new EventSourceParserStream({ maxBufferSize: MAX_ANSWER }));
  let length = 0;
  for await (const { data } of events) {
    onPart();
    if (data === '[DONE]') return;
    const { text, usage } = readPart(data);
    length += text.length;
    if (length > MAX_ANSWER) throw new Error('its answer is too long');
    if (text !== '') yield { text };
    if (usage !== undefined) yield { usage };
  }
  throw new Error('its answer broke off');
}

function readPart(data: string): { text: string; usage?: { input_tokens: number; output_tokens: number } } {
  const part = parse(data);
  if (isRecord(part) && isRecord(part.error)) throw new Error('it reported an error instead of an answer');
  if (!isRecord(part) || !Array.isArray(part.choices)) throw new Error('it sent no chat completion');
  const [choice] = part.choices as unknown[];
  const delta = isRecord(choice) ? choice.delta : undefined;
  const content = isRecord(delta) ? delta.content : undefined;
  const { usage } = part;
  return {
    text: typeof content === 'string' ? content : '',
    ...(isRecord(usage) && {
      usage: { input_tokens: countOf(usage.prompt_tokens), output_tokens: countOf(usage.completion_tokens) },
    }),
  };
}

const countOf = (value: unknown): number => (Number.isSafeInteger(value) ? Number(value) : 0);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unavailable(error: unknown): PersonaError {
  const reason = error instanceof BrokenCircuitError ? 'it failed several times in a row' : reasonOf(error);
  const message = `The model is unavailable (${reason}). Check MODEL_API_BASE, MODEL_API_KEY and MODEL_NAME`;
  const isTimed = error instanceof RefusedByModel || error instanceof PausedByModel;
  const retryAfterMs = (isTimed ? error.retryAfterMs : undefined) ?? OPEN_FOR_MS;
  return new PersonaError('model_unavailable', message, { cause: error, retryAfterMs });
}

/** `fetch` puts the actual reason into the cause of its error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  return error.cause instanceof Error ? error.cause.message : error.message;
}
