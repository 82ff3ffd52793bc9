/** `persona erase --cancel` and `persona erasures` on a real graph. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openJournalFile } from '../adapters/erasure-journal/file.ts';
import {
  countOverdueErasures,
  hideCustomer,
  readErasureSubject,
  requestErasure,
  takeBackErasure,
} from '../graph/erasure/index.ts';
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

// The commands recognise the ids that the tests have hashed.
const graph = () => ({
  ...servers.graph,
  erasedIds: createBlindIndex(createKeyRing([{ id: 'e', key }])),
});
const run = (file: string, ...args: string[]) =>
  runPersonaWith(
    { PERSONA_ERASURE_KEY: `e:${key.toString('base64')}`, PERSONA_ERASURE_JOURNAL: file },
    ...[...args, '--json'],
  );

test('an erasure that was taken back while the journal was away is completed there by a repeat', async () => {
  const { customer_id } = await createCustomer(graph(), testHeader(), {});
  const { erasure_id } = await requestErasure(graph(), { customer_id });
  const { hash, requested_at: at } = await readErasureSubject(graph(), erasure_id);
  const journal = openJournalFile(path);
  await journal.append({ erasure_id, hash, at });
  await hideCustomer(graph(), { erasure_id, customer_id, by: { actor: 'test', correlationId: 'test' } });
  const cancel = (file: string) => run(file, 'erase', customer_id, '--cancel');

  expect((await cancel(join(folder, 'away', 'journal'))).code).not.toBe(0);
  expect(await getCustomerProfile(graph(), { customer_id })).toMatchObject({ status: 'active' });
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

test('an erasure that takes longer than the deadline awaits an operator, wherever erasures are listed', async () => {
  const { customer_id } = await createCustomer(graph(), testHeader(), {});
  const longAgo = Date.parse('1980-01-01T00:00:00Z');
  const { erasure_id } = await requestErasure({ ...graph(), now: () => longAgo }, { customer_id });
  expect(await countOverdueErasures(graph(), longAgo)).toBe(0);
  expect(await countOverdueErasures(graph(), longAgo + 1)).toBe(1);
  const items = async (...command: string[]) => {
    const all: Record<string, unknown>[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await run(path, ...command, ...(cursor ? ['--cursor', cursor] : []));
      expect(page).toMatchObject({ code: 0 });
      const { items: found, next_cursor = null } = JSON.parse(page.out);
      all.push(...found);
      cursor = next_cursor;
    }
    return all.filter((one) => one.erasure_id === erasure_id);
  };
  expect(await items('erasures', 'list')).toMatchObject([{ state: 'running', overdue: true }]);
  expect(await items('review', 'list')).toMatchObject([{ kind: 'erasure', waiting_for: [] }]);
  const by = { actor: 'test', correlationId: 'test' };
  await takeBackErasure(graph(), { erasure_id, by });
  expect(await items('review', 'list')).toEqual([]);
});
