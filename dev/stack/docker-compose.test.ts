import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SearchAttribute } from '../../domain/workflow-contracts.ts';
import { versions } from './versions.ts';

const compose = readFileSync(fileURLToPath(new URL('../../docker-compose.yml', import.meta.url)), 'utf8');

test('Docker Compose uses the same server versions as the stack', () => {
  expect(compose).toContain(`image: neo4j:${versions.neo4j.version}-community\n`);
  expect(compose).toContain(`image: temporalio/temporal:${versions.temporal.version}\n`);
  expect(compose).toContain(`image: valkey/valkey:${versions.redis.image}\n`);
  expect(compose).toContain(`image: apache/kafka:${versions.kafka.version}\n`);
  expect(compose).toContain(`image: stripe/stripe-mock:v${versions.stripe_mock.version}\n`);
  expect(compose).toContain(`image: motoserver/moto:${versions.moto.version}\n`);
});

test('Docker Compose publishes the default ports, on loopback only', () => {
  const ports = [...compose.matchAll(/^ {6}- (\S+:\d+:\d+)$/gm)].map(([, port]) => port);
  expect(ports).toEqual([
    '127.0.0.1:7687:7687',
    '127.0.0.1:7233:7233',
    '127.0.0.1:8233:8233',
    '127.0.0.1:6379:6379',
    '127.0.0.1:9092:9092',
    '127.0.0.1:5000:5000',
    '127.0.0.1:12113:12111',
  ]);
});

test('Docker Compose’s Temporal has every search attribute', () => {
  const names = [...compose.matchAll(/--search-attribute=(\w+)=Keyword/g)].map(([, name]) => name);
  expect(names.sort()).toEqual(Object.values(SearchAttribute).sort());
});
