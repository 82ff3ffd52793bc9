/** A retrieval engine: `POST {base}/retrieve {query, limit}` → `{passages: [{text}]}`, `GET {base}/health` (docs/reference/interfaces.md, 'Model'). */

import { ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import type { RetrievalEngine } from '../../domain/ports.ts';
import { isRecord } from '../../domain/validation.ts';
import { CallerLeft, failureOf } from './caller-left.ts';

/** An answer may do without it. */
const TIMEOUT_MS = 2_000;
const MAX_PASSAGES = 5;
/** Characters of one passage. */
const MAX_PASSAGE = 4_000;
const FAILURES_TO_OPEN = 3;
const OPEN_FOR_MS = 10_000;

/** @param base `RETRIEVAL_API_BASE` */
export function createRetrievalClient(base: string): RetrievalEngine {
  const saysEngineFails = (error: unknown) => !(error instanceof CallerLeft);
  const breaker = circuitBreaker(handleWhen(saysEngineFails), {
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
    halfOpenAfter: OPEN_FOR_MS,
  });
  const find = async (query: string, signal: AbortSignal): Promise<string[]> => {
    const response = await fetch(`${base}/retrieve`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, limit: MAX_PASSAGES }),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const body: unknown = response.ok ? await response.json() : undefined;
    if (!isRecord(body) || !Array.isArray(body.passages)) throw new Error('it sent no passages');
    const texts = body.passages.map((passage: unknown) => (isRecord(passage) ? passage.text : undefined));
    return texts
      .filter((text) => typeof text === 'string')
      .slice(0, MAX_PASSAGES)
      .map((text) => text.slice(0, MAX_PASSAGE));
  };
  return {
    async find(question, signal) {
      try {
        return await breaker.execute(() =>
          find(question, signal).catch((error: unknown) => Promise.reject(failureOf(error, signal))),
        );
      } catch {
        return undefined;
      }
    },
    async isAvailable() {
      try {
        const response = await fetch(`${base}/health`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
        await response.body?.cancel();
        return response.ok;
      } catch {
        return false;
      }
    },
  };
}
