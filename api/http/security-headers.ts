import { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { ResponseHeaders } from './env.ts';

/** What Hono's middleware adds to a response. It is the same for each one, and so evaluated once. */
export const SECURITY_HEADERS: ResponseHeaders = await headersOf(
  secureHeaders({
    // Swagger UI uses inline styles.
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      frameAncestors: ["'none'"],
    },
  }),
);

async function headersOf(middleware: ReturnType<typeof secureHeaders>): Promise<ResponseHeaders> {
  const app = new Hono().use(middleware).get('/', (c) => c.body(null));
  return Object.fromEntries((await app.request('/')).headers);
}
