/** Metrics and log of what authenticates callers. */

import { Counter, Gauge, type Registry } from 'prom-client';
import type { Logger } from './logs.ts';
import type { TlsWatch } from './tls-files.ts';

export function observeAccess(registry: Registry, logger: Logger) {
  const watches = new Map<string, TlsWatch>();
  const issuerFailures = new Counter({
    name: 'persona_issuer_failures_total',
    help: 'Failed readings of the keys of the issuer of access tokens',
    registers: [registry],
  });
  new Gauge({
    name: 'persona_tls_certificate_expiry_timestamp_seconds',
    help: 'When the certificate in use expires, in seconds since the epoch; face is http or grpc',
    labelNames: ['face'],
    registers: [registry],
    collect() {
      for (const [face, tls] of watches) this.set({ face }, tls.expiresAt() / 1_000);
    },
  });
  return {
    watchExpiry: (face: 'http' | 'grpc', tls: TlsWatch) => void watches.set(face, tls),
    onIssuerUnavailable(err: unknown): void {
      issuerFailures.inc();
      logger.warn({ err }, "the issuer's keys cannot be read");
    },
    onInvalidCertificate: (err: unknown) => logger.error({ err }, 'replaced certificates are not used'),
  };
}
