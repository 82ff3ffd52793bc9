/** Talks to a simulator as a test does: Stripe's API in form encoding, the script as JSON. */

export interface Reply {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests read Stripe's JSON as it comes
  body: any;
}

export function simulatorClient(base: string) {
  const reply = async (response: Response): Promise<Reply> => ({
    status: response.status,
    headers: response.headers,
    body: await response.json(),
  });
  return {
    async get(path: string): Promise<Reply> {
      return reply(await fetch(`${base}${path}`, { headers: { authorization: 'Bearer sk_test_1' } }));
    },
    async post(path: string, form: Record<string, string> = {}, key?: string): Promise<Reply> {
      const headers: Record<string, string> = { authorization: 'Bearer sk_test_1' };
      if (key !== undefined) headers['idempotency-key'] = key;
      return reply(
        await fetch(`${base}${path}`, { method: 'POST', headers, body: new URLSearchParams(form) }),
      );
    },
    async sim(method: string, path: string, body?: unknown): Promise<Reply> {
      const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
      return reply(await fetch(`${base}/_sim${path}`, init));
    },
  };
}

/** Reads until there is a value; at most five seconds. */
export async function until<T>(read: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const limit = Date.now() + 5000;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > limit) throw new Error('did not happen within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
