/** The examples of `docs/contracts/` with text of an attacker in one place after another. */

import { randomUUID } from 'node:crypto';
import type { RestExample, RpcExample } from './example.ts';

/** Names a property that no statement of Persona's sets, and a header that no response has. */
export const INJECTED = 'injected';

const STATEMENT = `}) WITH 1 AS x MATCH (n) SET n.${INJECTED} = true //`;
export const ATTACKS: readonly string[] = [
  // Ends a text or a name in Cypher, whichever its quotes are.
  ["x'", '"', '`'].map((quote) => `${quote}${STATEMENT}`).join(''),
  // Ends a header, a line of a log, and text in C; a template.
  `x\r\n${INJECTED}: true\r\n\r\n{"${INJECTED}":true}\u0000\u2028\u202e\${x}{{x}}`,
];

/** Without its own key or id a variant would be a repeat of the example, and refused as such. */
const KEYS = ['idempotency-key', 'transaction_id', 'event_id'];

/** One variant for each string of the body, each part of the path and each parameter of the query. */
export function attackedRoutes(example: RestExample, attack: string): RestExample[] {
  const { request } = example;
  const url = new URL(request.path, 'http://persona');
  const parts = url.pathname.split('/').slice(3);
  const attacked = encodeURIComponent(attack);
  const paths = [
    ...parts.map((part) => request.path.replace(`/${part}`, `/${attacked}`)),
    ...[...url.searchParams.keys()].map((name) => {
      const parameters = new URLSearchParams(url.searchParams);
      parameters.set(name, attack);
      return `${url.pathname}?${parameters}`;
    }),
  ];
  const requests = [
    ...paths.map((path) => ({ ...request, path })),
    ...attackedValues(request.body, attack).map((body) => ({ ...request, body })),
  ];
  return requests.map((variant) => ({ ...example, request: withOwnKeys(variant, attack) }));
}

/** One variant for each string of the request. */
export function attackedRpcs(example: RpcExample, attack: string): RpcExample[] {
  return attackedValues(example.request, attack).map((request) =>
    withOwnKeys({ ...example, request: request as object }, attack),
  );
}

function withOwnKeys<T>(value: T, attack: string): T {
  return JSON.parse(
    JSON.stringify(value, (key, one: unknown) => (KEYS.includes(key) && one !== attack ? randomUUID() : one)),
  );
}

/** Copies of a value, each with another of its strings replaced. */
function attackedValues(value: unknown, attack: string): unknown[] {
  if (typeof value === 'string') return [attack];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    attackedValues(one, attack).map((other) =>
      Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other },
    ),
  );
}
