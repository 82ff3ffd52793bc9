/** Keys of the rings that AWS KMS has encrypted: `id:kms:<ciphertext in base64>` (docs/reference/security.md, 'Key rings'). */

import type { KMSClient } from '@aws-sdk/client-kms';
import { EnvironmentError } from './environment.ts';

type Variables = Readonly<Record<string, string | undefined>>;

const RINGS = ['PERSONA_KEYS', 'PERSONA_BLIND_KEYS', 'TEMPORAL_CODEC_KEYS', 'PERSONA_ERASURE_KEY'] as const;
const KMS_ENTRY = /^([A-Za-z0-9._-]{1,32}):kms:([A-Za-z0-9+/]+={0,2})$/;
const KEY_BYTES = 32;
/** A process must not wait forever for its keys at start. */
const TIMEOUT_MS = 5_000;

/**
 * Replaces each entry that KMS has encrypted with its key. Address, region and credentials are those of AWS's own
 * variables; without such an entry nothing is requested.
 * @returns the variables with `id:base64` entries only
 * @throws EnvironmentError naming each variable and key id that cannot be decrypted, never a key
 */
export async function decryptKmsKeys<T extends Variables>(variables: T): Promise<T> {
  const rings = RINGS.filter((name) => entriesOf(variables[name]).some((entry) => KMS_ENTRY.test(entry)));
  if (rings.length === 0) return variables;
  const { KMSClient } = await import('@aws-sdk/client-kms');
  const requestHandler = { connectionTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS };
  const client = new KMSClient({ requestHandler });
  const problems: string[] = [];
  const decrypted: Record<string, string> = {};
  try {
    for (const name of rings) {
      const entries = entriesOf(variables[name]).map((entry) =>
        decryptEntry(client, entry).catch((error: unknown) => {
          problems.push(`${name}: ${messageOf(error)}`);
          return entry;
        }),
      );
      decrypted[name] = (await Promise.all(entries)).join(',');
    }
  } finally {
    client.destroy();
  }
  if (problems.length > 0) throw new EnvironmentError(problems);
  return { ...variables, ...decrypted };
}

const entriesOf = (text = ''): string[] => text.split(',').map((entry) => entry.trim());

async function decryptEntry(client: KMSClient, entry: string): Promise<string> {
  const [, id, ciphertext] = KMS_ENTRY.exec(entry) ?? [];
  if (id === undefined || ciphertext === undefined) return entry;
  const plaintext = await decrypt(client, id, Buffer.from(ciphertext, 'base64'));
  if (plaintext.length !== KEY_BYTES)
    throw new Error(`key '${id}' must be ${KEY_BYTES} bytes; AWS KMS decrypts it to ${plaintext.length}`);
  return `${id}:${plaintext.toString('base64')}`;
}

async function decrypt(client: KMSClient, id: string, CiphertextBlob: Buffer): Promise<Buffer> {
  const { DecryptCommand } = await import('@aws-sdk/client-kms');
  try {
    const { Plaintext = new Uint8Array() } = await client.send(new DecryptCommand({ CiphertextBlob }));
    return Buffer.from(Plaintext);
  } catch (error) {
    throw new Error(`AWS KMS cannot decrypt key '${id}': ${reasonOf(error)}`, { cause: error });
  }
}

/** AWS's name of the error with its message; some have no message, such as a refused connection. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { name, message } = error;
  const code = 'code' in error ? String(error.code) : '';
  return [name === 'Error' ? code : name, message].filter(Boolean).join(': ');
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
