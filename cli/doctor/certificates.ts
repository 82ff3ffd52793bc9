/** Checks the certificates that the environment names, and the one that this command uses at a local instance. */

import { X509Certificate } from 'node:crypto';
import { readTlsFiles, type TlsFiles } from '../../platform/tls-files.ts';
import type { Settings } from '../settings.ts';
import { type CheckResult, ok, wrong } from './check.ts';

const DAY_MS = 86_400_000;
/** Time to renew by hand; for a certificate with a short lifetime, a third of that. */
const RENEWAL_MS = 14 * DAY_MS;

/** The variables of one certificate. */
const CONFIGURED = {
  rest_certificate: { cert: 'HTTP_TLS_CERT', key: 'HTTP_TLS_KEY', ca: undefined },
  grpc_certificate: { cert: 'GRPC_TLS_CERT', key: 'GRPC_TLS_KEY', ca: 'GRPC_TLS_CA' },
  temporal_certificate: {
    cert: 'TEMPORAL_TLS_CLIENT_CERT_PATH',
    key: 'TEMPORAL_TLS_CLIENT_KEY_PATH',
    ca: undefined,
  },
} as const;

/** One result for each certificate that is configured. */
export function checkCertificates({ variables, auth }: Settings): Record<string, CheckResult> {
  const results: Record<string, CheckResult> = {};
  for (const [name, names] of Object.entries(CONFIGURED)) {
    const given = [names.cert, names.key, names.ca].filter((variable) => variable !== undefined);
    const missing = given.filter((variable) => variables[variable] === undefined);
    if (missing.length === given.length) continue;
    results[name] =
      missing.length > 0
        ? wrong(`${missing.join(' and ')} is not set`, `Set ${given.join(', ')} together, or none of them`)
        : checkFiles(
            {
              cert: variables[names.cert] ?? '',
              key: variables[names.key] ?? '',
              ...(names.ca && { ca: variables[names.ca] ?? '' }),
            },
            name !== 'temporal_certificate',
            given.join(', '),
          );
  }
  const own = auth?.certificates.ops;
  if (auth && own)
    results.ops_certificate = checkFiles(
      { ...own, ca: auth.ca },
      false,
      "the run file; run 'npm start' again",
    );
  return results;
}

/** @param isServer clients compare a server's name with its certificate */
function checkFiles(files: TlsFiles, isServer: boolean, source: string): CheckResult {
  const remedy = `Correct the files: ${source}`;
  let certificate: X509Certificate;
  let authority: X509Certificate | undefined;
  try {
    const material = readTlsFiles(files);
    certificate = new X509Certificate(material.cert);
    authority = material.ca && new X509Certificate(material.ca);
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error), remedy);
  }
  const names = certificate.subjectAltName;
  if (isServer && names === undefined)
    return wrong(
      `${files.cert} has no subject alternative names, without which clients refuse it`,
      'Have a certificate issued for the names that clients connect to',
    );
  const validity =
    validityProblem(files.cert, certificate) ??
    (authority && files.ca !== undefined ? validityProblem(files.ca, authority) : undefined);
  if (validity !== undefined)
    return wrong(validity, 'Renew it and replace the file: API processes read it again within a minute');
  return ok(`for ${names ?? certificate.subject}; expires ${dayOf(certificate.validTo)}`);
}

function validityProblem(file: string, { validFrom, validTo }: X509Certificate): string | undefined {
  const [begin, end] = [Date.parse(validFrom), Date.parse(validTo)];
  if (begin > Date.now()) return `${file} is not valid before ${dayOf(validFrom)}`;
  if (end <= Date.now()) return `${file} expired on ${dayOf(validTo)}`;
  const isDue = end - Date.now() < Math.min(RENEWAL_MS, (end - begin) / 3);
  return isDue ? `${file} expires soon, on ${dayOf(validTo)}` : undefined;
}

const dayOf = (date: string): string => new Date(date).toISOString().slice(0, 10);
