import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, onTestFinished, test } from 'vitest';
import { writeCertificates } from '../dev/access/certificates.ts';
import { observeAccess } from './access-metrics.ts';
import { watchTlsFiles } from './tls-files.ts';

const DAY_S = 24 * 3_600;

test('the expiry of each certificate and the failures of the issuer are measured', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-expiry-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { server } = await writeCertificates(folder);
  const tls = watchTlsFiles(server, () => {});
  onTestFinished(() => tls.close());
  const registry = new Registry();
  const lines: string[] = [];
  const observer = observeAccess(registry, pino({}, { write: (line) => void lines.push(line) }));
  observer.watchExpiry('grpc', tls);
  observer.onIssuerUnavailable(new Error('connection refused'));
  const metrics = await registry.metrics();
  expect(metrics).toContain('persona_issuer_failures_total 1');
  const [, expiry] = /expiry_timestamp_seconds\{face="grpc"\} (\d+)/.exec(metrics) ?? [];
  const daysLeft = (Number(expiry) - Date.now() / 1_000) / DAY_S;
  expect(Math.round(daysLeft)).toBe(90);
  expect(lines.join('')).toContain("the issuer's keys cannot be read");
});
