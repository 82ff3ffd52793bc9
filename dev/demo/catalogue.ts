/** The agents' personas: imported, changed, served by every process, rolled back, and one of them asked. */

import { fileURLToPath } from 'node:url';
import { fetchAs } from '../../platform/run-access.ts';
import type { PersonaSystem } from '../persona.ts';
import type { Check } from './check.ts';
import { until } from './play.ts';
import { runCli } from './run-cli.ts';

const PERSONAS = fileURLToPath(new URL('personas', import.meta.url));
const CHANGED = 'cerebrum-fee-analyst';
const ASKED = 'synapse-review-assistant';

interface Persona {
  version: number;
  system_prompt: string;
}

export async function playCatalogue({
  addresses,
  programs,
  env,
  runFile,
}: Pick<PersonaSystem, 'addresses' | 'programs' | 'env' | 'runFile'>): Promise<{
  lines: string[];
  checks: Check[];
}> {
  const apis = [...programs.values()].flatMap(({ name, ready }) =>
    /^api(-\d+)?$/.test(name) && ready.http ? [ready.http] : [],
  );
  const call = async (url: string, init: Parameters<typeof fetchAs>[3] = {}, role = 'ops') => {
    const headers = { 'content-type': 'application/json', ...init.headers };
    const response = await fetchAs(addresses.auth, { role }, url, { ...init, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${url} returned ${response.status}: ${text}`);
    return JSON.parse(text);
  };
  const persona = (api: string): Promise<Persona> => call(`${api}/personas/${CHANGED}`);
  /** Milliseconds until each process serves the version. */
  const servedBy = async (version: number) => {
    const startedAt = Date.now();
    return await Promise.all(
      apis.map(async (api) => {
        await until(`version ${version} at ${api}`, async () => (await persona(api)).version === version);
        return Date.now() - startedAt;
      }),
    );
  };

  const output = await runCli({ env, runFile }, ['catalogue', 'import', PERSONAS]);
  const imported = output.trim().split('\n').at(-1) ?? '';
  const { total } = await call(`${addresses.http}/personas?limit=1`);
  const before = await persona(addresses.http);
  const {
    name: _,
    version,
    is_active: __,
    created_at: ___,
    updated_at: ____,
    ...content
  } = (await call(`${addresses.http}/personas/${CHANGED}`)) as Record<string, unknown>;
  const changed: Persona = await call(`${addresses.http}/personas/${CHANGED}`, {
    method: 'PUT',
    headers: { 'if-match': `"${version}"` },
    body: JSON.stringify({
      ...content,
      system_prompt: 'You explain fees in one sentence.',
      reason: 'a trial of shorter answers',
    }),
  });
  const times = await servedBy(changed.version);
  const back: Persona = await call(`${addresses.http}/personas/${CHANGED}/activate`, {
    method: 'POST',
    headers: { 'idempotency-key': `demo-rollback-${changed.version}-${Date.now()}` },
    body: JSON.stringify({ version: before.version, reason: 'the longer answers were better' }),
  });
  await servedBy(back.version);
  const asked = await call(
    `${addresses.http}/persona/${ASKED}`,
    {
      method: 'POST',
      body: JSON.stringify({ message: 'A charge is unknown for two days. What decides?', max_tokens: 40 }),
    },
    'synapse',
  );
  const lines = [
    `an operator imports dev/demo/personas (persona catalogue import): ${imported}`,
    `${CHANGED} is changed to version ${changed.version}; served by ${apis.length} processes within ${times.map((time) => `${time} ms`).join(', ')}`,
    `it is rolled back to what it was: version ${back.version}`,
    `Synapse asks ${ASKED}, which the ${asked.model} model answers in ${asked.latency_ms} ms: ${asked.answer}`,
  ];
  const checks = [
    { label: 'personas served', expected: 'at least 35', actual: total >= 35 ? 'at least 35' : `${total}` },
    {
      label: 'every process serves the change within 2 s',
      expected: 'yes',
      actual: times.every((time) => time <= 2_000) ? 'yes' : `no: ${times}`,
    },
    {
      label: 'the instructions after the rollback',
      expected: 'as before',
      actual: back.system_prompt === before.system_prompt ? 'as before' : 'different',
    },
  ];
  return { lines, checks };
}
