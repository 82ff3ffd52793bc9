/** `persona erase --cancel` and `persona erasures` on a real graph. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openJournalFile } from '../adapters/erasure-journal/file.ts';
import { hideCustomer, readErasureSubject, requestErasure } from '../graph/erasure/index.ts';
import { createCustomer, getCustomerProfile } from '../graph/index.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { testHeader } from '../test/test-graph.ts';
import { connectRealServers, runPersonaWith } from './cli-fixtures.ts';

const servers = connectRealServers();
const key = Buffer.alloc(32, 1);
const folder = mkdtempSync(join(tmpdir(), 'persona-journal-'));
const path = join(folder, 'journal');
afterAll(() => rmSync(folder, { recursive: true }));

test('an erasure that was taken back while the journal was away is completed there by a repeat', async () => {
  // The commands recognise the ids that the test has hashed.
  const erasedIds = createBlindIndex(createKeyRing([{ id: 'e', key }]));
  const graph = { ...servers.graph, erasedIds };
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const { erasure_id } = await requestErasure(graph, { customer_id });
  const { hash, requested_at: at } = await readErasureSubject(graph, erasure_id);
  const journal = openJournalFile(path);
  await journal.append({ erasure_id, hash, at });
  await hideCustomer(graph, { erasure_id, customer_id, by: { actor: 'test', correlationId: 'test' } });
  const run = (file: string, ...args: string[]) =>
    runPersonaWith(
      { PERSONA_ERASURE_KEY: `e:${key.toString('base64')}`, PERSONA_ERASURE_JOURNAL: file },
      ...[...args, '--json'],
    );
  const cancel = (file: string) => run(file, 'erase', customer_id, '--cancel');

  expect((await cancel(join(folder, 'away', 'journal'))).code).not.toBe(0);
  expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ status: 'active' });
  const verify = () => run(path, 'erasures', 'verify');
  const missing = await verify();
  expect(missing.code).toBe(1);
  expect(JSON.parse(missing.out)).toMatchObject({ erasures: 0, not_taken_back: [erasure_id] });

  const repeated = await cancel(path);
  expect({ ...repeated, out: JSON.parse(repeated.out) }).toMatchObject({
    code: 0,
    out: { erasure_id, state: 'cancelled' },
  });
  expect(await verify()).toMatchObject({ code: 0 });
});
