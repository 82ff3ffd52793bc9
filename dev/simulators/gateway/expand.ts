/** `expand[]`: replaces ids in a response with their objects, one level deep (`latest_charge`, `data.payment_method`). */

import { invalidParameter } from './errors.ts';
import type { Call, Gateway } from './gateway.ts';
import { chargeObject, customerObject, intentObject, methodObject } from './objects.ts';
import { optionalTexts } from './parameters.ts';

type JsonObject = Record<string, unknown>;

export function expandResponse(call: Call, body: object): object {
  const paths = optionalTexts(call.body, 'expand') ?? [];
  const shown = structuredClone(body) as JsonObject;
  for (const path of paths) {
    const list = path.startsWith('data.');
    const targets = list && Array.isArray(shown.data) ? (shown.data as JsonObject[]) : [shown];
    for (const target of targets) expandField(call.gateway, target, list ? path.slice(5) : path);
  }
  return shown;
}

function expandField(gateway: Gateway, target: JsonObject, field: string): void {
  const id = target[field];
  if (id === null) return;
  const object = typeof id === 'string' ? lookUpObject(gateway, field, id) : undefined;
  if (object === undefined) {
    throw invalidParameter('expand', `This property cannot be expanded (${field}).`);
  }
  target[field] = object;
}

function lookUpObject(gateway: Gateway, field: string, id: string): object | undefined {
  const { customers, methods, intents, charges } = gateway.store;
  if (field === 'customer') return renderIfFound(customers.get(id), customerObject);
  if (field === 'payment_method') return renderIfFound(methods.get(id), methodObject);
  if (field === 'payment_intent') return renderIfFound(intents.get(id), intentObject);
  if (field === 'latest_charge' || field === 'charge') return renderIfFound(charges.get(id), chargeObject);
  return undefined;
}

function renderIfFound<T>(record: T | undefined, show: (record: T) => object): object | undefined {
  return record === undefined ? undefined : show(record);
}
