import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readTemporalEnvironment } from '../../platform/environment.ts';
import { connectTemporal } from '../../temporal/client.ts';
import type { Settings } from '../settings.ts';
import { checkTemporal } from './temporal.ts';

const DAY_SECONDS = 86_400;

/** A new namespace of the test's server. @returns its name */
async function createNamespace(days: number): Promise<string> {
  const { address, namespace } = readTemporalEnvironment(process.env);
  const client = await connectTemporal({ address, namespace, codecKeys: 'none' });
  const name = `doctor-${randomUUID()}`;
  try {
    await client.workflowService.registerNamespace({
      namespace: name,
      workflowExecutionRetentionPeriod: { seconds: (days * DAY_SECONDS) as never },
    });
  } finally {
    await client.connection.close();
  }
  return name;
}

test.each([
  [30, 'ok'],
  [31, 'wrong'],
])('a namespace that keeps histories for %i days is %s', async (days, state) => {
  const TEMPORAL_NAMESPACE = await createNamespace(days);
  const settings = { variables: { ...process.env, TEMPORAL_NAMESPACE } } as unknown as Settings;
  const { temporal, retention } = await checkTemporal(settings);
  expect(temporal).toMatchObject({ state: 'ok', detail: expect.stringContaining('without TLS') });
  expect(retention).toMatchObject({ state, detail: expect.stringContaining(`kept for ${days} days`) });
  if (state === 'wrong')
    expect(retention?.remedy).toBe(
      `temporal operator namespace update --namespace ${TEMPORAL_NAMESPACE} --retention 30d`,
    );
});
