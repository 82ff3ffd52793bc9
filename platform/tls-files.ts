/** The certificates of a server, read from files and read again when they are replaced, so that a renewal needs no restart. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Paths of PEM files. */
export interface TlsFiles {
  cert: string;
  key: string;
  /** Authority of the clients' certificates; absent: clients are not asked for one. */
  ca?: string;
}

export interface TlsMaterial {
  cert: Buffer;
  key: Buffer;
  ca?: Buffer;
}

export interface TlsWatch {
  current(): TlsMaterial;
  /** When the current certificate expires, epoch milliseconds. */
  expiresAt(): number;
  /** @param listener receives each replacement */
  onChange(listener: (material: TlsMaterial) => void): void;
  close(): void;
}

const CHECK_INTERVAL_MS = 60_000;

/**
 * @param onInvalid receives why replaced files are not used; the last valid ones stay in use
 * @throws Error naming the file if the files cannot be used now
 */
export function watchTlsFiles(
  files: TlsFiles,
  onInvalid: (error: unknown) => void,
  intervalMs = CHECK_INTERVAL_MS,
): TlsWatch {
  let current = readTlsFiles(files);
  const listeners: ((material: TlsMaterial) => void)[] = [];
  const timer = setInterval(() => {
    try {
      const next = readTlsFiles(files);
      if (isSame(current, next)) return;
      current = next;
      for (const listener of listeners) listener(next);
    } catch (error) {
      // For example between the replacements of certificate and key: both are read again at the next check.
      onInvalid(error);
    }
  }, intervalMs);
  timer.unref();
  return {
    current: () => current,
    expiresAt: () => Date.parse(new X509Certificate(current.cert).validTo),
    onChange: (listener) => void listeners.push(listener),
    close: () => clearInterval(timer),
  };
}

/** @throws Error naming the file that cannot be read or used, or the key that does not fit */
export function readTlsFiles({ cert, key, ca }: TlsFiles): TlsMaterial {
  const material: TlsMaterial = {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(ca !== undefined && { ca: readFileSync(ca) }),
  };
  const certificate = parse(cert, () => new X509Certificate(material.cert));
  const privateKey = parse(key, () => createPrivateKey(material.key));
  if (!certificate.checkPrivateKey(privateKey)) throw new Error(`${key} is not the key of ${cert}`);
  if (material.ca !== undefined) parse(ca ?? '', () => new X509Certificate(material.ca as Buffer));
  return material;
}

function parse<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${file} is not a valid PEM file`, { cause: error });
  }
}

function isSame(one: TlsMaterial, other: TlsMaterial): boolean {
  return (['cert', 'key', 'ca'] as const).every((part) => {
    const [first, second] = [one[part], other[part]];
    return first === second || (first !== undefined && second !== undefined && first.equals(second));
  });
}
