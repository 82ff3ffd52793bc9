/** Reads the parameters of a request; an invalid one is Stripe's 400 with the parameter's name. */

import { invalidParameter, missingParameter } from './errors.ts';
import type { FormObject, FormValue } from './form.ts';

/** Stripe refuses unknown parameters. */
export function assertKnownParameters(body: FormObject, known: readonly string[]): void {
  for (const name of Object.keys(body)) {
    if (name !== 'expand' && !known.includes(name)) {
      throw invalidParameter(name, `Received unknown parameter: ${name}`, 'parameter_unknown');
    }
  }
}

export function optionalText(body: FormObject, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw invalidParameter(name, `Invalid string: ${name}`, 'parameter_invalid_string');
}

export function requiredText(body: FormObject, name: string): string {
  const value = optionalText(body, name);
  if (value === undefined) throw missingParameter(name);
  return value;
}

export function optionalInteger(body: FormObject, name: string): number | undefined {
  const value = optionalText(body, name);
  if (value === undefined) return undefined;
  if (/^-?\d+$/.test(value)) return Number(value);
  throw invalidParameter(name, `Invalid integer: ${value}`, 'parameter_invalid_integer');
}

export function flag(body: FormObject, name: string): boolean {
  const value = optionalText(body, name);
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw invalidParameter(name, `Invalid boolean: ${value}`);
}

/** `off_session` may also name the kind of off-session payment. */
export function offSession(body: FormObject): boolean {
  const value = optionalText(body, 'off_session');
  return value === 'one_off' || value === 'recurring' || flag(body, 'off_session');
}

export function optionalTexts(body: FormObject, name: string): string[] | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string'))
    return value;
  throw invalidParameter(name, `Invalid array: ${name}`);
}

export function metadata(body: FormObject): Record<string, string> {
  const value = body.metadata;
  if (value === undefined || value === '') return {};
  if (!isObject(value)) throw invalidParameter('metadata', 'Invalid object: metadata');
  const entries = Object.entries(value).map(([key, item]) => {
    if (typeof item !== 'string')
      throw invalidParameter(`metadata[${key}]`, 'Metadata values must be strings');
    return [key, item] as const;
  });
  return Object.fromEntries(entries);
}

export function isObject(value: FormValue | undefined): value is FormObject {
  return typeof value === 'object' && !Array.isArray(value);
}
