import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { propertyRecordsIn, recordsOf, diskUsageOf } from './disk-usage.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'room-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (path: string, bytes: number) => {
  const file = join(folder, 'neo4j-1', 'data', path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, Buffer.alloc(bytes));
};

test('each file counts once, for the kind of its content', () => {
  put('databases/neo4j/neostore.nodestore.db', 1);
  put('databases/neo4j/neostore.nodestore.db.id', 2);
  put('databases/neo4j/neostore.relationshipstore.db', 4);
  put('databases/neo4j/neostore.propertystore.db', 8);
  put('databases/neo4j/neostore.propertystore.db.strings', 16);
  put('databases/neo4j/schema/index/range-1.0/3/index-3', 32);
  put('databases/neo4j/schema/index/token-lookup-1.0/1/index-1', 64);
  put('transactions/neo4j/neostore.transaction.db.0', 128);
  const usage = diskUsageOf(folder);
  expect(usage).toEqual({ logs: 128, indexes: 96, nodes: 1, edges: 4, properties: 8, texts: 16, rest: 2 });
  expect(recordsOf(usage)).toBe(31);
});

test('files outside the database do not count', () => {
  put('databases/system/neostore.nodestore.db', 1);
  put('transactions/system/neostore.transaction.db.0', 1);
  put('../logs/neo4j.log', 1);
  expect(recordsOf(diskUsageOf(folder))).toBe(0);
});

test('a page has room for whole records only', () => {
  expect(propertyRecordsIn(8_192)).toBe(199);
  expect(propertyRecordsIn(10 * 8_192)).toBe(1_990);
});
