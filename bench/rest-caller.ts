/** An HTTP client that only sends and receives, over Node's own: `fetch` costs several times as much. */

import { Agent as PlainAgent, get as getPlain } from 'node:http';
import { Agent as SecureAgent, get as getSecure } from 'node:https';
import type { Proof } from './proof.ts';

export interface RestCaller {
  /** @returns the body @throws Error naming the status, if it is not 200 */
  get(path: string, token?: string): Promise<string>;
  close(): void;
}

/** @param origin without a trailing slash @param connections kept open, one for each call in flight */
export function openRestCaller(origin: string, connections: number, proof?: Proof): RestCaller {
  const options = { keepAlive: true, maxSockets: connections };
  const agent = proof ? new SecureAgent({ ...options, ...proof.tls }) : new PlainAgent(options);
  const request = proof ? getSecure : getPlain;
  return {
    get: (path, token) =>
      new Promise((resolve, reject) => {
        const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
        request(`${origin}${path}`, { agent, headers }, (response) => {
          let body = '';
          response.setEncoding('utf8');
          response.on('data', (text: string) => {
            body += text;
          });
          response.on('error', reject);
          response.on('end', () => {
            if (response.statusCode === 200) resolve(body);
            else reject(new Error(`${path} returned ${response.statusCode}: ${body}`));
          });
        }).on('error', reject);
      }),
    close: () => agent.destroy(),
  };
}
