import { z } from '@hono/zod-openapi';
import type { DisclosureView } from '../../../services/views.ts';
import { resultSchema } from './domain-rules.ts';

const day = z.iso.date().openapi({ description: 'UTC' });

const disclosure = resultSchema<DisclosureView>()({
  recipient: z
    .string()
    .openapi({ description: 'An agent by its role, or another system', example: 'cerebrum' }),
  purpose: z.string().openapi({ example: 'payment routing' }),
  categories: z.array(
    z.enum([
      'profile',
      'identifiers',
      'addresses',
      'devices',
      'payment_methods',
      'payments',
      'history',
      'connections',
    ]),
  ),
  days: z.int().openapi({ description: 'On how many days; not how often' }),
  first_day: day,
  last_day: day,
});
export const disclosureList = z.object({ items: z.array(disclosure) }).openapi('Disclosures');
