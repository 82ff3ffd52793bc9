import { z } from '@hono/zod-openapi';
import type { PaymentOptionsView } from '../../../services/views.ts';
import { queryText } from './common.ts';
import { resultSchema, uuid } from './domain-rules.ts';
import { paymentMethod } from './wallet.ts';

export const checkoutQuery = z.object({
  device_id: queryText()
    .transform((id) => id.toLowerCase() || undefined)
    .pipe(uuid.optional())
    .optional()
    .openapi({
      format: 'uuid',
      description: 'The device at the checkout; one that the customer has not logged in from is not trusted',
    }),
});

export const paymentOptions = resultSchema<PaymentOptionsView>()({
  items: z.array(paymentMethod).openapi({
    description:
      'Active, proven methods: the default first, then the most recently used. None for a suspended customer',
  }),
  device_trusted: z.boolean().openapi({
    description: 'The customer has logged in from the device, and its trust score is high enough',
  }),
  conservative: z.boolean().openapi({
    description:
      'False only if the device is trusted and Chimera has confirmed in time that it was notified of it',
  }),
}).openapi('PaymentOptions');
