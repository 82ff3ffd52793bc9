import { defaultPayloadConverter } from '@temporalio/common';
import { readCodecKeys } from '../../platform/environment.ts';
import { createPayloadCodec } from '../../temporal/codec.ts';
import { restHeaders } from '../access.ts';
import { reasonOf } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { type CheckResult, ok, unreachable, wrong } from './check.ts';

const TIMEOUT_MS = 10_000;
const PROBE = 'persona doctor';

/** Checks that the codec server answers, admits this operator, and has the key that payloads are encrypted with. */
export async function checkCodecServer(settings: Settings): Promise<CheckResult> {
  const { variables, runFile } = settings;
  const url =
    variables.CODEC_PORT === undefined
      ? runFile.content?.temporal_codec
      : `http://127.0.0.1:${variables.CODEC_PORT}`;
  if (url === undefined) return ok("not configured: Temporal's UI shows payloads encrypted");
  const headers = await restHeaders({ ...settings, http: url }, 'ops');
  const payload = await createPayloadCodec(readCodecKeys(variables).reveal()).encode([
    defaultPayloadConverter.toPayload(PROBE),
  ]);
  const base64 = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64');
  const payloads = payload.map(({ metadata, data }) => ({
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)]),
    ),
    data: base64(data),
  }));
  let response: Response;
  try {
    response = await fetch(`${url}/decode`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ payloads }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    return unreachable(
      `no response from ${url}: ${reasonOf(error)}`,
      'Check CODEC_PORT: an API process of this host listens there',
    );
  }
  return resultOf(url, response, headers.authorization !== undefined);
}

async function resultOf(url: string, response: Response, hasToken: boolean): Promise<CheckResult> {
  const { message, payloads } = (await response.json().catch(() => ({}))) as {
    message?: string;
    payloads?: { data?: string }[];
  };
  if (response.status === 401 && !hasToken)
    return ok(`${url} asks for a token; with PERSONA_TOKEN its role is checked, too`);
  if (response.status === 401 || response.status === 403)
    return wrong(
      `${url} refuses the token: ${message}`,
      "Set PERSONA_TOKEN to an access token with the role 'ops'",
    );
  if (!response.ok)
    return wrong(`${url} returned ${response.status}`, 'Check that CODEC_PORT is that of an API process');
  const decoded = Buffer.from(payloads?.[0]?.data ?? '', 'base64').toString();
  return decoded === JSON.stringify(PROBE)
    ? ok(`${url} decrypts payloads`)
    : wrong(
        `${url} cannot decrypt what this environment encrypts`,
        'Set TEMPORAL_CODEC_KEYS to the same key ring here and for the API',
      );
}
