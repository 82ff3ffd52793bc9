import { expect, test } from 'vitest';
import { connectRealServers, runPersona } from './cli-fixtures.ts';

const servers = connectRealServers();

test('a dry run counts by policy what would go, and removes nothing', async () => {
  const count = 'MATCH (n) RETURN count(n) AS nodes';
  const before = await servers.graph.read(count);
  const { code, out } = await runPersona('retention', '--dry-run', '--json');
  expect(code).toBe(0);
  const { dry_run, items } = JSON.parse(out) as { dry_run: boolean; items: { policy: string }[] };
  expect({ dry_run, policies: items.map(({ policy }) => policy) }).toEqual({
    dry_run: true,
    policies: [
      ...['retention.idempotency', 'retention.receipts', 'catalogue.metricsFor', 'retention.disclosures'],
      ...['retention.sightings', 'retention.recovery', 'retention.financial'],
    ],
  });
  expect(await servers.graph.read(count)).toEqual(before);
  expect((await runPersona('retention', '--dry-run')).out).toContain('would go');
});
