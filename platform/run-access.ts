/** Calls to a running Persona by the tokens and certificates in its run file; without them, as PERSONA_INSECURE, plain. */

import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

/** `auth` of the run file. */
export interface RunAccess {
  issuer: string;
  /** Gives a token for `role=…` or `customer_id=…`. */
  token_url: string;
  /** Paths of PEM files: the authority's certificate, and each agent's certificate and key by role. */
  ca: string;
  certificates: Record<string, { cert: string; key: string }>;
}

/** Who calls: a service by its role, or a customer. */
export type RunCaller = { role: string } | { customer_id: string };

/** Makes this process trust the development authority, for `fetch` too. Does nothing without one. */
export function trustAuthority(auth: RunAccess | undefined): void {
  if (auth === undefined || trusted.has(auth.ca)) return;
  trusted.add(auth.ca);
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(auth.ca, 'utf8')]);
}
const trusted = new Set<string>();

interface Token {
  text: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}
const tokens = new Map<string, Promise<Token>>();
const MIN_VALIDITY_MS = 60_000;

/** A token of the development issuer, the same one until shortly before it expires. */
export async function accessToken({ token_url }: RunAccess, caller: RunCaller): Promise<string> {
  const url = `${token_url}?${new URLSearchParams(caller)}`;
  const known = await tokens.get(url);
  if (known !== undefined && known.expiresAt - Date.now() > MIN_VALIDITY_MS) return known.text;
  const requested = requestToken(url);
  tokens.set(url, requested);
  requested.catch(() => tokens.delete(url));
  return (await requested).text;
}

async function requestToken(url: string): Promise<Token> {
  const response = await fetch(url);
  if (!response.ok)
    throw new Error(`the development issuer returned ${response.status}: ${await response.text()}`);
  const { access_token, expires_in } = (await response.json()) as {
    access_token: string;
    expires_in: number;
  };
  return { text: access_token, expiresAt: Date.now() + expires_in * 1_000 };
}

/** `fetch` as that caller. */
export async function fetchAs(
  auth: RunAccess | undefined,
  caller: RunCaller,
  url: string,
  init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
): Promise<Response> {
  if (auth === undefined) return fetch(url, init);
  trustAuthority(auth);
  const authorization = `Bearer ${await accessToken(auth, caller)}`;
  return fetch(url, { ...init, headers: { ...init.headers, authorization } });
}

/** Credentials of a gRPC channel, by the role's certificate. */
export function agentCredentials(auth: RunAccess | undefined, role: string): ChannelCredentials {
  if (auth === undefined) return credentials.createInsecure();
  const files = auth.certificates[role];
  if (files === undefined) throw new Error(`the run file has no certificate for the role '${role}'`);
  return credentials.createSsl(readFileSync(auth.ca), readFileSync(files.key), readFileSync(files.cert));
}

/** Options of such a channel: TLS has no server names for addresses, so the development certificate's name is used. */
export function channelOptions(auth: RunAccess | undefined): Record<string, string> {
  return auth === undefined ? {} : { 'grpc.ssl_target_name_override': 'localhost' };
}
