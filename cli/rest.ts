/** Requests to Persona over REST. */

import { MAX_EXPORT_MS } from '../services/export-customer.ts';
import { restHeaders } from './access.ts';
import { CliFailure, ExitCode, failureFromProblem, type Problem, problemOf } from './failure.ts';
import type { Settings } from './settings.ts';

type RestSettings = Pick<Settings, 'http' | 'runFile' | 'auth' | 'token'>;

/** Longer than the API's own time limit for a response. */
const TIMEOUT_MS = 40_000;

/** @param role default `ops`. @throws CliFailure if Persona refuses the request or cannot be reached */
export async function callRest<T>(
  settings: RestSettings,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: string,
  headers: Readonly<Record<string, string>> = {},
  role: 'ops' | 'privacy' = 'ops',
): Promise<T> {
  const response = await send(settings, { method, path, body, headers, role });
  const text = await response.text();
  const document = parse(text);
  if (document === undefined)
    throw new CliFailure(
      ExitCode.failed,
      `${settings.http}${path} returned ${response.status} with a body that is not Persona's JSON; another program may be listening there`,
    );
  if (!response.ok) throw failureFromProblem(document as Problem);
  return document as T;
}

/**
 * The body of a response of any length, as it arrives.
 * @throws CliFailure if Persona refuses the request or cannot be reached
 */
export async function openRest(
  settings: RestSettings,
  path: string,
  role: 'ops' | 'privacy',
): Promise<AsyncIterable<Uint8Array>> {
  const response = await send(settings, { method: 'GET', path, headers: {}, role, timeoutMs: MAX_EXPORT_MS });
  if (response.ok && response.body !== null) return response.body;
  const problem = parse(await response.text());
  if (problem !== undefined) throw failureFromProblem(problem as Problem);
  throw new CliFailure(ExitCode.failed, `${settings.http}${path} returned ${response.status} without a body`);
}

async function send(
  settings: RestSettings,
  request: {
    method: string;
    path: string;
    body?: string;
    headers: Readonly<Record<string, string>>;
    role: 'ops' | 'privacy';
    timeoutMs?: number;
  },
): Promise<Response> {
  const { method, path, body, headers, role, timeoutMs = TIMEOUT_MS } = request;
  const access = await restHeaders(settings, role).catch((error: unknown) => {
    if (error instanceof CliFailure) throw error;
    throw unreachable(`${settings.auth?.token_url} (tokens)`, settings, reasonOf(error));
  });
  try {
    return await fetch(`${settings.http}${path}`, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { ...access, ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      body,
    });
  } catch (error) {
    throw unreachable(`${settings.http} (REST)`, settings, reasonOf(error));
  }
}

/** The failure for a Persona that cannot be reached, with advice. */
export function unreachable(
  where: string,
  { runFile }: Pick<Settings, 'runFile'>,
  reason: string,
): CliFailure {
  const advice = runFile.content
    ? `${runFile.path} may have been left behind by an instance that is no longer running`
    : `Start one with 'npm start', or set HTTP_HOST, HTTP_PORT, GRPC_HOST and GRPC_PORT to reach another`;
  const detail = `Persona cannot be reached at ${where}: ${reason}. ${advice}`;
  const problem = {
    ...problemOf('deadline_exceeded', detail),
    type: 'about:blank',
    title: 'Unreachable',
    status: 503,
  };
  return new CliFailure(ExitCode.unreachable, detail, problem);
}

/** Node's message is only `fetch failed`; the reason is in the cause. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError) return reasonOf(cause);
  return cause instanceof Error ? cause.message : error.message;
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
