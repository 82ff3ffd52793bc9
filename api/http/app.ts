import { randomBytes } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { requestId } from 'hono/request-id';
import { routePath } from 'hono/route';
import { secureHeaders } from 'hono/secure-headers';
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
import { describeEveryRoute } from './document.ts';
import type { HttpEnv } from './env.ts';
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

const MAX_BODY_BYTES = 64 * 1_024;

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

  app.use(requestId());
  app.use(async (c, next) => {
    const startedAt = performance.now();
    const ids = requestIds(c.req.method, (name) => c.req.header(name), c.get('requestId'));
    c.set('ids', ids);
    await (ids.span ? ids.span.run(next) : next());
    c.header('traceparent', traceparent(ids));
    const operation = `${c.req.method} ${routePath(c, -1)}`;
    const code = String(c.res.status);
    recordRequest(observers, 'http', operation, {
      ids,
      code,
      startedAt,
      about: c.get('about'),
      error: c.get('error'),
    });
  });
  app.use(
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
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        const allow = methods.join(', ');
        const response = problemResponse(
          c,
          new PersonaError('method_not_allowed', `${c.req.method} is not allowed here; allowed: ${allow}`),
        );
        response.headers.set('allow', allow);
        return response;
      },
    }),
  );
  app.use(admitRequests(admission, authentication, observers));
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: (c) =>
        problemResponse(c, new PersonaError('payload_too_large', 'The body must not exceed 64 KiB')),
    }),
  );
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
  askRoutes(app, services);
  customerSearchRoutes(app, services);
  recoveryRoutes(app, services);
  rightsRoutes(app, services);
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

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
