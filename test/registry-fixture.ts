/** A schema registry as its operators and other agents use it, without Persona's client. */

import { expect } from 'vitest';
import { createWireEncoder } from '../events/wire-format.ts';

/** @param url of its API */
export function registryOperator(url: string) {
  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    expect(response.status, `${method} ${path}`).toBe(200);
    return response.json();
  }
  return {
    register: (subject: string, schema: object) =>
      call('POST', `/subjects/${subject}/versions`, { schema: JSON.stringify(schema) }) as Promise<{
        id: number;
      }>,
    delete: (subject: string) => call('DELETE', `/subjects/${subject}`),
    compatibility: (subject: string) => call('GET', `/config/${subject}`),
    setCompatibility: (subject: string, compatibility: string) =>
      call('PUT', `/config/${subject}`, { compatibility }),
  };
}

/** An agent's own version of `analytics-feedback.avsc`: in another order, with a field of its own, without `segment`. */
const FIELDS = ['valued_by', 'event_id', 'occurred_at', 'customer_id', 'ltv'];
export const FEEDBACK_SCHEMA = {
  ...{ type: 'record', name: 'AnalyticsFeedback', namespace: 'persona.v1' },
  fields: FIELDS.map((name) => ({ name, type: 'string' })),
};

/** @param id of FEEDBACK_SCHEMA at the registry, or any other */
export function encodeFeedback(
  id: number,
  value: Record<'event_id' | 'customer_id' | 'ltv', string>,
): Buffer {
  const occurred_at = new Date().toISOString();
  return createWireEncoder(FEEDBACK_SCHEMA, id)({ valued_by: 'oracle', occurred_at, ...value });
}
