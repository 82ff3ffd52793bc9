/** The certificates of one development copy: an authority of its own, Persona's servers, and one for each agent. */

// Required by @peculiar/x509.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from '@peculiar/x509';

/** The roles of services, which are also the names of the files. */
export const AGENT_ROLES = [
  'checkout',
  'cerebrum',
  'chimera',
  'synapse',
  'oracle',
  'ops',
  'privacy',
] as const;
export type AgentRole = (typeof AGENT_ROLES)[number];

/** Paths of PEM files. */
export interface CertificateFiles {
  cert: string;
  key: string;
}

export interface DevelopmentCertificates {
  /** Path of the authority's certificate (PEM). */
  ca: string;
  server: CertificateFiles;
  agents: Record<AgentRole, CertificateFiles>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;
/** Longer than a copy runs. */
const VALID_MS = 90 * 24 * HOUR_MS;

interface Issuer {
  certificate: X509Certificate;
  privateKey: webcrypto.CryptoKey;
}

/**
 * Writes new certificates and their keys into the folder, readable for its owner alone.
 * @param folder is created
 */
export async function writeCertificates(folder: string): Promise<DevelopmentCertificates> {
  mkdirSync(folder, { recursive: true });
  const authorityKeys = await newKeys();
  const authority: Issuer = {
    privateKey: authorityKeys.privateKey,
    certificate: await X509CertificateGenerator.createSelfSigned({
      name: 'CN=Persona development authority',
      ...validity(),
      keys: authorityKeys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    }),
  };
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, authority.certificate.toString('pem'));
  const server = await issue(authority, join(folder, 'server'), 'CN=Persona', [
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension([
      { type: 'dns', value: 'localhost' },
      { type: 'ip', value: '127.0.0.1' },
      { type: 'ip', value: '::1' },
    ]),
  ]);
  const agents = await Promise.all(
    AGENT_ROLES.map(
      async (role): Promise<[AgentRole, CertificateFiles]> => [
        role,
        await issue(authority, join(folder, role), `CN=${role}`, [
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
          new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://persona/agent/${role}` }]),
        ]),
      ],
    ),
  );
  return { ca, server, agents: Object.fromEntries(agents) as Record<AgentRole, CertificateFiles> };
}

async function issue(
  authority: Issuer,
  path: string,
  subject: string,
  extensions: Extension[],
): Promise<CertificateFiles> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: authority.certificate.subject,
    ...validity(),
    publicKey: keys.publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [new BasicConstraintsExtension(false, undefined, true), ...extensions],
  });
  const files = { cert: `${path}.pem`, key: `${path}.key` };
  writeFileSync(files.cert, certificate.toString('pem'));
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = key.replace(/.{64}/g, '$&\n').trimEnd();
  writeFileSync(files.key, `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`, {
    mode: 0o600,
  });
  return files;
}

/** From an hour ago, for a host whose clock lags. */
function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + VALID_MS) };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}
