import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { PersonaError } from '../../../domain/errors.ts';
import { EXPORT_SCHEMA, MAX_EXPORT_MS } from '../../../services/export-customer.ts';
import type { Services } from '../../../services/services.ts';
import { asPersonaError, type Observers } from '../../requests.ts';
import { callerOf, type HttpEnv } from '../env.ts';
import { respond } from '../respond.ts';
import { customerParams, errorResponses, jsonResponse } from '../schemas/common.ts';
import { exportDocument } from '../schemas/export.ts';
import { disclosureList } from '../schemas/rights.ts';
import { streamedBody } from '../streamed-body.ts';

const disclosures = createRoute({
  method: 'get',
  path: '/api/v1/customers/{customer_id}/disclosures',
  tags: ['rights'],
  summary: 'Who was told what about the customer, and for what, the latest first',
  description: 'Complete within seconds. The customer is no recipient.',
  request: { params: customerParams },
  responses: {
    200: jsonResponse(disclosureList, 'Every recipient'),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

const exportRoute = createRoute({
  method: 'get',
  path: '/api/v1/customers/{customer_id}/export',
  tags: ['rights'],
  summary: 'Everything that Persona holds of the customer, as one JSON document',
  description: `Streamed; valid by ${EXPORT_SCHEMA}. A response that ends early does not parse.`,
  request: { params: customerParams },
  responses: {
    200: jsonResponse(
      exportDocument,
      'The document',
      z.object({
        'Content-Disposition': z.string().openapi({ example: 'attachment; filename="persona-export.json"' }),
      }),
    ),
    ...errorResponses(['customer_not_found', 'invalid_argument']),
  },
});

/** What a person is owed about their own data (docs/privacy.md). */
export function rightsRoutes(
  app: OpenAPIHono<HttpEnv>,
  services: Services,
  { logger }: Pick<Observers, 'logger'>,
): void {
  app.openapi(disclosures, async (c) => {
    const { customer_id } = c.req.valid('param');
    return respond(c, await services.getDisclosures(callerOf(c, customer_id), { customer_id }), 200);
  });

  app.openapi(exportRoute, async (c) => {
    const { customer_id } = c.req.valid('param');
    const { parts } = await services.exportCustomer(callerOf(c, customer_id), { customer_id });
    c.header('content-disposition', 'attachment; filename="persona-export.json"');
    c.header('content-type', 'application/json');
    // The headers leave before the first part is made: a failure then cuts the connection.
    c.header('transfer-encoding', 'chunked');
    c.set('isStreamed', true);
    const request_id = c.get('ids').requestId;
    const { outgoing } = c.env ?? {};
    const cut = (error: unknown) => {
      const { type: error_type } = asPersonaError(error);
      logger.warn({ request_id, error_type, customer_id }, 'an export ended early');
      outgoing?.destroy();
    };
    // A client who takes nothing asks for no further part.
    const late = new PersonaError('deadline_exceeded', 'the export was not read in time');
    const timer = outgoing && setTimeout(cut, MAX_EXPORT_MS, late);
    outgoing?.once('close', () => clearTimeout(timer));
    return c.body(streamedBody(parts, cut), 200) as never;
  });
}
