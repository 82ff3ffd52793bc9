import type { Context } from 'hono';
import { routePath } from 'hono/route';
import type { HttpEnv, MatchedRoute } from './env.ts';

const known = new Map<string, MatchedRoute>();

export function matchedRoute(c: Context<HttpEnv>): MatchedRoute {
  const { method } = c.req;
  const path = routePath(c, -1);
  const operation = `${method} ${path}`;
  let route = known.get(operation);
  if (route === undefined) {
    const answeredAs = method === 'HEAD' ? 'GET' : method;
    const name = `${answeredAs} ${path.replace(/:(\w+)/g, '{$1}')}`;
    // A pattern that is not a route's is that of a middleware.
    route = { operation, ...(!path.includes('*') && { name }) };
    known.set(operation, route);
  }
  return route;
}
