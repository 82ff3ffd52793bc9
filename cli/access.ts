/** How commands authenticate: with PERSONA_TOKEN, or as operations of the local instance in the run file. */

import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials, Metadata } from '@grpc/grpc-js';
import { accessToken, agentCredentials, channelOptions, trustAuthority } from '../platform/run-access.ts';
import { CliFailure, ExitCode } from './failure.ts';
import type { Settings } from './settings.ts';

type AccessSettings = Pick<Settings, 'auth' | 'token' | 'http'>;

const LOOPBACK_HTTP = /^http:\/\/(127(\.\d{1,3}){3}|\[::1\]|localhost)(:|\/|$)/;

/** The headers that say who calls REST; empty for an instance that does not authenticate. @throws CliFailure usage */
export async function restHeaders(
  { auth, token, http }: AccessSettings,
  role: 'ops' | 'privacy',
): Promise<Record<string, string>> {
  trustAuthority(auth);
  const text = token?.reveal() ?? (auth && (await accessToken(auth, { role })));
  if (text === undefined) return {};
  if (!http.startsWith('https:') && !LOOPBACK_HTTP.test(http))
    throw new CliFailure(
      ExitCode.usageError,
      `PERSONA_TOKEN is not sent to ${http}: it would travel in plain text`,
    );
  return { authorization: `Bearer ${text}` };
}

export interface GrpcAccess {
  credentials: ChannelCredentials;
  options: Record<string, string>;
  metadata: Metadata;
}

/** A token is sent over TLS alone. */
export function grpcAccess({ auth, token }: Pick<Settings, 'auth' | 'token'>): GrpcAccess {
  const metadata = new Metadata();
  const options = channelOptions(auth);
  if (token === undefined) return { credentials: agentCredentials(auth, 'ops'), options, metadata };
  metadata.set('authorization', `Bearer ${token.reveal()}`);
  return { credentials: credentials.createSsl(auth && readFileSync(auth.ca)), options, metadata };
}
