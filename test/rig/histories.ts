/**
 * Recorded histories: executions of released workflow code, stored under `workflows/histories/`, decrypted so that
 * they are readable. To record the executions of some tests:
 *
 *     PERSONA_RECORD_HISTORIES=1 npm test -- workflows/onboard-customer -t 'verified method'
 */

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto, { type temporal } from '@temporalio/proto';
import { expect } from 'vitest';
import type { PayloadKey } from '../../security/payload-cipher.ts';
import { createPayloadCodec } from '../../temporal/codec.ts';
import type { Execution } from './executions.ts';

const { History } = proto.temporal.api.history.v1;
const FOLDER = path.resolve(import.meta.dirname, '../../workflows/histories');

/** Enough of a test's name to identify it. */
const MAX_NAME = 60;

/** 64-bit numbers and bytes (as base64) as strings, enums by name: the form that `fromObject` reads. */
const AS_TEXT = { longs: String, bytes: String, enums: String };

export interface RecordedHistory {
  readonly workflowId: string;
  readonly workflow: string;
  readonly history: temporal.api.history.v1.IHistory;
}

/** Every recorded history. */
export async function readHistories(): Promise<RecordedHistory[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.json')).sort();
  return await Promise.all(
    files.map(async (file) => {
      const { workflowId, ...recorded } = JSON.parse(await readFile(path.join(FOLDER, file), 'utf8'));
      const history = History.fromObject(recorded);
      const [first] = history.events;
      const workflow = first?.workflowExecutionStartedEventAttributes?.workflowType?.name ?? '';
      return { workflowId, workflow, history };
    }),
  );
}

/** Where PERSONA_RECORD_HISTORIES is set: writes each closed execution to `{workflow}-{test}.json`. */
export async function writeHistories(
  executions: readonly Execution[],
  codecKeys: readonly PayloadKey[],
): Promise<void> {
  if (!process.env.PERSONA_RECORD_HISTORIES) return;
  await mkdir(FOLDER, { recursive: true });
  const scenario = (expect.getState().currentTestName ?? 'test')
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .toLowerCase()
    .slice(0, MAX_NAME);
  for (const { workflowId, open, history } of executions) {
    if (open) continue;
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    await decrypt(history, createPayloadCodec(codecKeys));
    const recorded = { workflowId, ...History.toObject(History.create(history), AS_TEXT) };
    const json = JSON.stringify(recorded, null, 2);
    await writeFile(path.join(FOLDER, `${started?.workflowType?.name}-${scenario}.json`), `${json}\n`);
  }
}

/** Replaces every payload, at any depth, with its decoded form; the recorder's identity is replaced, too. */
async function decrypt(value: unknown, codec: PayloadCodec): Promise<void> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if ('identity' in value) value.identity = 'recorder';
  if (isPayload(value)) Object.assign(value, (await codec.decode([value]))[0]);
  else await Promise.all(Object.values(value).map((item) => decrypt(item, codec)));
}

function isPayload(value: object): value is Payload {
  return 'metadata' in value && value.metadata != null && Object.hasOwn(value.metadata, 'encoding');
}
