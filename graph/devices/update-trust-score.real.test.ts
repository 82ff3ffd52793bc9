import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { onboardingRequest, testGraph, testHeader } from '../../test/test-graph.ts';
import { onboard } from '../onboarding/onboard.ts';
import { getDevice } from '../queries/device.ts';
import { updateDeviceTrustScore } from './update-trust-score.ts';

const policy = readPolicy();
const graph = await testGraph();

const login = (fingerprint: string) =>
  onboard(graph, testHeader(), {
    request: onboardingRequest({ device_details: { fingerprint } }),
    policy,
  });
const newDevice = async () => String((await login(randomUUID())).device_id);
const rate = (device_id: string, trust_score: number, observed_at: string, expected_version?: number) =>
  updateDeviceTrustScore(graph, testHeader(), { device_id, trust_score, observed_at, expected_version });

test('a newer observation is applied, an older one changes nothing', async () => {
  const id = await newDevice();
  // The device was never observed: even an old observation replaces the initial score.
  expect(await rate(id, 0.8, '2020-01-02T00:00:00Z')).toMatchObject({
    applied: true,
    version: 2,
    linked_customers: 1,
    device: { device_id: id, trust_score: 0.8, changed_seq: 2 },
  });
  expect(await rate(id, 0.1, '2020-01-01T00:00:00Z')).toMatchObject({
    applied: false,
    version: 2,
    device: { trust_score: 0.8 },
  });
  expect(await rate(id, 1, '2020-01-03T01:00:00+01:00')).toMatchObject({ applied: true, version: 3 });
  expect(await getDevice(graph, { device_id: id })).toEqual({
    device_id: id,
    trust_score: 1,
    trust_observed_at: '2020-01-03T00:00:00.000Z',
    version: 3,
    changed_seq: 3,
  });
});

test('of concurrent observations the newest is kept, in any order', async () => {
  const id = await newDevice();
  const observations = Array.from({ length: 20 }, (_, n) => n).sort(() => Math.random() - 0.5);
  await Promise.all(
    observations.map((n) => rate(id, n / 20, `2026-01-${String(n + 1).padStart(2, '0')}T00:00:00Z`)),
  );
  expect(await getDevice(graph, { device_id: id })).toMatchObject({ trust_score: 19 / 20 });
});

test('one event lists up to 25 of a shared device’s customers, and their number', async () => {
  const fingerprint = randomUUID();
  const id = String((await login(fingerprint)).device_id);
  for (let n = 0; n < 26; n += 1) await login(fingerprint);
  const result = await rate(id, 0.9, '2026-01-01T00:00:00Z');
  expect(result.linked_customers).toBe(27);
  const [event] = await graph.read<{ data: string; stream: string }>(
    "MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.type = 'DeviceTrustScoreUpdated' RETURN e.data AS data, e.stream AS stream",
    { id },
  );
  expect(event?.stream).toBe('device');
  const data = JSON.parse(String(event?.data)) as { customer_ids: string[] };
  expect(new Set(data.customer_ids).size).toBe(25);
  expect(data).toMatchObject({
    linked_customers: 27,
    old_trust_score: 0.5,
    new_trust_score: 0.9,
  });
});

test('a score outside 0 to 1, an unknown device and a stale version are refused', async () => {
  const id = await newDevice();
  for (const score of [-0.1, 1.1, Number.NaN]) {
    await expect(rate(id, score, '2026-01-01T00:00:00Z')).rejects.toMatchObject({ type: 'invalid_argument' });
  }
  await expect(rate(randomUUID(), 1, '2026-01-01T00:00:00Z')).rejects.toMatchObject({
    type: 'device_not_found',
  });
  await expect(rate(id, 1, '2026-01-01T00:00:00Z', 7)).rejects.toMatchObject({ type: 'stale_version' });
  expect(await rate(id, 1, '2026-01-01T00:00:00Z', 1)).toMatchObject({ applied: true });
});
