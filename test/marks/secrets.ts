/** The secrets of one running copy: what it was given, has made, and was sent. */

import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { accessToken } from '../../platform/run-access.ts';
import type { Marks } from './marks.ts';
import { readDataKeys } from './sealed.ts';
import type { MarkedSystem } from './system.ts';

const RINGS = ['PERSONA_KEYS', 'PERSONA_BLIND_KEYS', 'TEMPORAL_CODEC_KEYS'];
const TEXTS = ['STRIPE_API_KEY', 'STRIPE_WEBHOOK_SECRET', 'NOTIFY_WEBHOOK_SECRET', 'NEO4J_PASSWORD'];
const HASH = /[0-9a-f]{64}$/;

/** The files that exist in order to hold something marked, each with what it may hold. Only their owner may read them. */
export function purposeOf(file: string): ((name: string) => boolean) | undefined {
  const name = basename(file);
  const holds = (names: readonly string[]) => (found: string) => names.includes(found);
  // How programs on this machine find the copy, and open its graph.
  if (name === 'run.json') return holds(['NEO4J_PASSWORD']);
  // The keys that it made itself, without which nothing that it has stored can be read.
  if (name === 'run.env') return holds([...RINGS, ...TEXTS]);
  // The private keys of its certificates, for its servers and agents.
  if (name.endsWith('.key')) return holds([`private key ${name}`]);
  // The simulated gateway's own records: it is Stripe's, and the cards are there.
  if (name === 'gateway.state') return holds(['token', 'instrument_fingerprint', 'gateway_customer_ref']);
  // What the operator has brought, to be imported.
  if (name === 'customers.jsonl') return () => true;
  return undefined;
}

export async function addSecrets(marks: Marks, system: MarkedSystem): Promise<void> {
  const { env, folder, addresses } = system.persona;
  for (const name of RINGS) {
    for (const entry of (env[name] ?? '').split(',')) {
      const text = entry.slice(entry.indexOf(':') + 1);
      marks.addSecret(name, text);
      marks.addSecret(name, Buffer.from(text, 'base64'));
    }
  }
  for (const name of TEXTS) marks.addSecret(name, env[name] ?? '');
  marks.addSecret('password of the mail server', system.smtpPassword);
  const { auth } = addresses;
  if (auth === undefined) throw new Error('this copy does not authenticate');
  for (const role of ['checkout', 'ops', 'synapse', 'chimera'])
    marks.addSecret(`access token of ${role}`, (await accessToken(auth, { role })).split('.').at(-1) ?? '');
  for (const file of globSync('certificates/*.key', { cwd: folder })) {
    const key = createPrivateKey(readFileSync(join(folder, file)));
    const { d = '' } = key.export({ format: 'jwk' }) as JsonWebKey;
    marks.addSecret(`private key ${basename(file)}`, Buffer.from(d, 'base64url'));
  }
}

/** The keys of customers and devices, those of customers who are erased later among them. */
export async function addDataKeys(marks: Marks, system: MarkedSystem): Promise<void> {
  for (const { label, key } of await readDataKeys(system)) marks.addSecret(label, key);
}

/** Hashes by which sealed values are found: personal, too, and of no use outside the graph. */
export async function addPseudonyms(marks: Marks, { graph }: MarkedSystem): Promise<void> {
  const rows = await graph.read<{ hash: string }>(
    `MATCH (n) UNWIND keys(n) AS key WITH n, key WHERE key ENDS WITH '_hash' RETURN DISTINCT n[key] AS hash`,
  );
  for (const { hash } of rows) {
    const digits = HASH.exec(hash)?.[0];
    if (digits === undefined) throw new Error(`${hash} has not the form of a hash`);
    marks.addPseudonym(digits);
  }
}
