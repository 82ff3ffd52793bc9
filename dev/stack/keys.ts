import { randomBytes } from 'node:crypto';

/** Keys and shared secrets of one instance: from the environment, the others generated for as long as it runs. */
export function developmentKeys(env: Record<string, string | undefined>): Record<string, string> {
  const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
  const generated = {
    PERSONA_KEYS: key('dev-1'),
    PERSONA_BLIND_KEYS: key('dev-blind-1'),
    TEMPORAL_CODEC_KEYS: key('dev-codec-1'),
    PERSONA_ERASURE_KEY: key('dev-erasure-1'),
    STRIPE_API_KEY: 'sk_test_persona',
    STRIPE_WEBHOOK_SECRET: `whsec_${randomBytes(24).toString('base64url')}`,
    NOTIFY_WEBHOOK_SECRET: randomBytes(24).toString('base64url'),
  };
  return Object.fromEntries(Object.entries(generated).map(([name, value]) => [name, env[name] || value]));
}
