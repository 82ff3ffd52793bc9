import { z } from '@hono/zod-openapi';
import { isCountry } from '../../../domain/countries.ts';
import { readTimestamp } from '../../../domain/validation.ts';
import type { ConnectedCustomer, FoundCustomer } from '../../../services/views.ts';
import { pageQuery, queryText } from './common.ts';
import { resultSchema, uuid } from './domain-rules.ts';

/** `?name=` is the same as an absent parameter. */
const text = (description: string) =>
  queryText()
    .transform((value) => value || undefined)
    .optional()
    .openapi({ type: 'string', description });

export const usageQuery = pageQuery.extend({
  brand: text('The brand of a method that the customer used, such as `amex`'),
  trusted_device: z
    .enum(['true', 'false', ''], { error: 'must be true or false' })
    .transform((value) => value === 'true')
    .optional()
    .openapi({ type: 'boolean', description: 'Used on a trusted device' }),
  user_agent: text('Used on a device whose user agent contains this text, such as `iPhone`'),
  state: text('The state of a shipping address, as spelled in the address, such as `NY`'),
  country: queryText()
    .transform((value) => value.toUpperCase() || undefined)
    .refine((value) => value === undefined || isCountry(value), 'must be an ISO 3166-1 alpha-2 country code')
    .optional()
    .openapi({ type: 'string', description: 'The country of a shipping address, ISO 3166-1 alpha-2' }),
  since: queryText()
    .refine((value) => value === '' || readTimestamp(value) !== undefined, 'must be an RFC 3339 time')
    .transform(readTimestamp)
    .optional()
    .openapi({
      type: 'string',
      format: 'date-time',
      description:
        'Shipped to that place since this time; without a place: used the method or the device since this time',
    }),
});

export const connectedQuery = pageQuery.pick({ limit: true });

export const foundCustomer = resultSchema<FoundCustomer>()({
  customer_id: uuid,
  segment: z.string(),
  status: z.string().openapi({ description: '`active` or `suspended`' }),
}).openapi('FoundCustomer');

export const connectedCustomer = resultSchema<ConnectedCustomer>()({
  customer_id: uuid,
  evidence: z.array(
    z.object({
      kind: z.enum(['device', 'instrument', 'address']).openapi({ description: '`instrument`: a card' }),
      id: uuid.openapi({
        description:
          "The device's id; for an instrument or an address, the id of the requested customer's own",
      }),
    }),
  ),
}).openapi('ConnectedCustomer');
