import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readPolicy } from '../../platform/policy.ts';
import { testGraph, testHeader } from '../../test/test-graph.ts';
import { createCustomer, getDevice, getDevices, linkDevice, recordDeviceLogin } from '../index.ts';

const policy = readPolicy();
const graph = await testGraph();

const by = 'customer' as const;
const newCustomer = async () => (await createCustomer(graph, testHeader(), {})).customer_id;
const link = (customer_id: string, fingerprint: string) =>
  linkDevice(graph, testHeader(), { customer_id, device: { fingerprint, user_agent: 'UA' }, by, policy });

test('customers who share a device have one device node, with an edge each', async () => {
  const fingerprint = randomUUID();
  const family = await Promise.all(Array.from({ length: 5 }, newCustomer));
  const linked = await Promise.all(family.map((id) => link(id, fingerprint)));
  expect(new Set(linked.map(({ device_id }) => device_id)).size).toBe(1);
  expect(linked.filter(({ known }) => !known)).toHaveLength(1);
  expect(await link(String(family[0]), fingerprint)).toMatchObject({ known: true, login_count: 2 });
  await expect(link(String(family[0]), '0000-0000')).rejects.toMatchObject({ type: 'invalid_argument' });
});

test('logins count in any order, and last_login is the newest', async () => {
  const customer_id = await newCustomer();
  const { device_id } = await link(await newCustomer(), randomUUID());
  const login = (day: number) =>
    recordDeviceLogin(graph, testHeader({ occurredAt: `2030-01-0${day}T00:00:00Z` }), {
      customer_id,
      device_id,
      by,
    });
  await Promise.all([3, 1, 5, 2, 4].map(login));
  const [device] = await getDevices(graph, { customer_id });
  expect(device).toMatchObject({ device_id, login_count: 5, last_login: '2030-01-05T00:00:00.000Z' });
  expect(await getDevice(graph, { device_id })).toMatchObject({ changed_seq: 1 });
  await expect(
    recordDeviceLogin(graph, testHeader(), { customer_id, device_id: randomUUID(), by }),
  ).rejects.toMatchObject({ type: 'device_not_found' });
});
