import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  apiVariables,
  commandVariables,
  commonVariables,
  workerVariables,
} from '../../platform/variables.ts';
import { readSettings } from '../settings.ts';
import { showConfig } from './config.ts';

const MARK = 'a-marked-secret';
const RING = `k:${Buffer.from(MARK.padEnd(32, '-')).toString('base64')}`;
/** Their values are secret; those that end in `_PATH` or are of a server's TLS are paths of files. */
const SECRET = /(KEYS?|PASSWORD|SECRET|TOKEN)$|^REDIS_URL$|^NOTIFY_SMTP_URL$/;
const PATH = /_TLS_KEY$/;

const show = async (variables: Record<string, string>) => {
  const settings = readSettings({ PERSONA_RUN_FILE: '/does/not/exist/run.json', ...variables });
  const { document, text } = await showConfig(settings);
  const { environment } = document as { environment: Record<string, { value: string; source: string }> };
  return { environment, text };
};

test('config, .env.example and the schemas have the same variables', async () => {
  const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
  const documented = [...example.matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name);
  const schemas = { ...commonVariables, ...apiVariables, ...workerVariables, ...commandVariables };
  const { environment, text } = await show({});
  expect(Object.keys(environment).sort()).toEqual(documented.sort());
  expect(Object.keys(environment).sort()).toEqual(Object.keys(schemas).sort());
  for (const name of Object.keys(environment)) expect(text).toContain(` ${name} `);
});

test('every secret is masked, valid or not', async () => {
  const names = Object.keys((await show({})).environment).filter(
    (name) => SECRET.test(name) && !PATH.test(name),
  );
  const valid = (name: string) => {
    if (name.endsWith('_URL')) return `${name === 'REDIS_URL' ? 'rediss' : 'smtps'}://user:${MARK}@host`;
    return name.endsWith('_KEYS') ? RING : MARK;
  };
  for (const valueOf of [valid, () => `${MARK}, which is no key or address`]) {
    const { environment, text } = await show(Object.fromEntries(names.map((name) => [name, valueOf(name)])));
    for (const name of names)
      expect([name, environment[name]?.value]).toEqual([
        name,
        expect.stringMatching(/^\[(masked|not shown)\]$/),
      ]);
    const printed = text + JSON.stringify(environment);
    expect(printed).not.toContain(MARK);
    expect(printed).not.toContain(RING.slice(2));
  }
});

test('user and password of an address are masked, its host is not', async () => {
  const { environment } = await show({ NOTIFY_WEBHOOK_URL: `https://user:${MARK}@notices.example/in` });
  expect(environment.NOTIFY_WEBHOOK_URL?.value).toBe('https://[masked]@notices.example/in');
});
