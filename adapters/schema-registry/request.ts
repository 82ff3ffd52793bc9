import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface Reply {
  readonly status: number;
  readonly text: string;
}

/** For the whole request. */
const TIMEOUT_MS = 5_000;
const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';

/**
 * @param base with user and password, and the path that the registry's own paths follow
 * @param ca the authority of its certificate (PEM); absent: the system's
 * @returns sends one request and reads its response; throws an Error if there is none within five seconds
 */
export function createRequester(
  base: URL,
  ca: Buffer | undefined,
): (method: string, path: string, body?: object) => Promise<Reply> {
  const isSecure = base.protocol === 'https:';
  const { username, password } = base;
  const credentials = [username, password].map(decodeURIComponent).join(':');
  const headers = {
    accept: `${CONTENT_TYPE}, application/json`,
    'content-type': CONTENT_TYPE,
    ...(username && { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
  };
  const options = {
    hostname: base.hostname.replace(/^\[|\]$/g, ''),
    ...(base.port !== '' && { port: base.port }),
    headers,
    ...(ca && { ca }),
  };
  return async (method, path, body) => {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const sent = (isSecure ? httpsRequest : httpRequest)({
      ...options,
      method,
      path: base.pathname.replace(/\/$/, '') + path,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.end(body && JSON.stringify(body));
    return promise;
  };
}
