import { randomFillSync } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { timeout } from 'hono/timeout';
import { PersonaError } from '../../domain/errors.ts';
import { formatRules } from '../../domain/onboarding/formats.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Services } from '../../services/services.ts';
import type { Phase } from '../../platform/readiness.ts';
import type { Authentication } from '../access/authenticate.ts';
import type { Admission } from '../admission.ts';
import { MAX_WAIT_MS, type Observers, recordRequest, type RequestIds, requestIds } from '../requests.ts';
import { admitRequests } from './admission.ts';
import { completeHeaders } from './respond.ts';
import { limitBody } from './body-limit.ts';
import { describeEveryRoute } from './document.ts';
import type { HttpEnv } from './env.ts';
import { matchedRoute } from './matched-route.ts';
import { answerFromMemory } from './persona-from-memory.ts';
import { fromZod, problemResponse } from './problem.ts';
import { addressRoutes } from './routes/addresses.ts';
import { askRoutes } from './routes/ask.ts';
import { catalogueRoutes } from './routes/catalogue.ts';
import { checkoutRoutes } from './routes/checkout.ts';
import { customerSearchRoutes } from './routes/customer-search.ts';
import { customerRoutes } from './routes/customers.ts';
import { erasureRoutes } from './routes/erasures.ts';
import { fraudRoutes } from './routes/fraud.ts';
import { operationRoutes } from './routes/operations.ts';
import { profileRoutes } from './routes/profile.ts';
import { recoveryRoutes } from './routes/recoveries.ts';
import { timelineRoutes } from './routes/timeline.ts';
import { rightsRoutes } from './routes/rights.ts';
import { walletRoutes } from './routes/wallet.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

export interface AppOptions {
  admission: Admission;
  authentication: Authentication;
  policy: Pick<Policy, 'onboarding' | 'reportingCurrency' | 'catalogue'>;
  phase: () => Phase;
}

export function createApp(
  services: Services,
  observers: Observers,
  { admission, authentication, policy, phase }: AppOptions,
): OpenAPIHono<HttpEnv> {
  const app = new OpenAPIHono<HttpEnv>({
    defaultHook: (result, c) => (result.success ? undefined : problemResponse(c, fromZod(result.error))),
  });

  app.use(async (c, next) => {
    const startedAt = performance.now();
    const ids = requestIds(c.req.method, (name) => c.req.header(name));
    const route = matchedRoute(c);
    c.set('ids', ids);
    c.set('route', route);
    c.set('headers', {
      ...SECURITY_HEADERS,
      'x-request-id': ids.requestId,
      traceparent: traceparent(ids),
    });
    await (ids.span ? ids.span.run(next) : next());
    completeHeaders(c);
    recordRequest(observers, 'http', route.operation, {
      ids,
      code: String(c.res.status),
      startedAt,
      about: c.get('about'),
      error: c.get('error'),
    });
  });
  const refuseMethod = methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) => {
      const allow = methods.join(', ');
      const error = new PersonaError(
        'method_not_allowed',
        `${c.req.method} is not allowed here; allowed: ${allow}`,
      );
      return problemResponse(c, error, { allow });
    },
  });
  app.use((c, next) => (c.get('route').name === undefined ? refuseMethod(c, next) : next()));
  app.use(admitRequests(admission, authentication, observers));
  app.use(answerFromMemory(services));
  app.use(limitBody);
  app.use(timeout(MAX_WAIT_MS, () => new HTTPException(504)));
  app.notFound((c) => problemResponse(c, new PersonaError('not_found', 'There is no resource at this path')));
  app.onError((error, c) => problemResponse(c, error));

  const forms = formatRules(policy);
  customerRoutes(app, services, forms);
  timelineRoutes(app, services);
  profileRoutes(app, services, forms);
  addressRoutes(app, services);
  walletRoutes(app, services);
  checkoutRoutes(app, services);
  catalogueRoutes(app, services, policy);
  askRoutes(app, services, observers);
  customerSearchRoutes(app, services);
  recoveryRoutes(app, services);
  rightsRoutes(app, services, observers);
  erasureRoutes(app, services);
  fraudRoutes(app, services);
  webhookRoutes(app, services);
  operationRoutes(app, services, phase);
  describeEveryRoute(app.openAPIRegistry);
  return app;
}

/** W3C trace context: the caller's trace, or a new one, with a new span for this request. */
function traceparent({ trace, span }: RequestIds): string {
  return span?.traceparent ?? `00-${trace?.id ?? randomHex(16)}-${randomHex(8)}-${trace?.flags ?? '00'}`;
}

/** Drawn for many ids at once: each call of the generator costs more than a response's other headers together. */
const pool = Buffer.alloc(4_096);
let drawn = pool.length;

function randomHex(bytes: number): string {
  if (drawn + bytes > pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  drawn += bytes;
  return pool.toString('hex', drawn - bytes, drawn);
}
