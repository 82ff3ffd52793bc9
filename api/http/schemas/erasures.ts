import { z } from '@hono/zod-openapi';
import { ERASURE_STEPS } from '../../../domain/erasure/steps.ts';
import type { ErasureView } from '../../../services/views.ts';
import { resultSchema } from './domain-rules.ts';

export const erasureAccepted = z
  .object({ erasure_id: z.uuid().openapi({ description: 'Unguessable: who has it may read the page' }) })
  .openapi('ErasureAccepted');

export const erasure = resultSchema<ErasureView>()({
  erasure_id: z.uuid(),
  state: z.enum(['running', 'done', 'cancelled']),
  requested_at: z.iso.datetime(),
  steps: z.array(z.object({ step: z.enum(ERASURE_STEPS), done_at: z.iso.datetime() })),
  waiting_for: z
    .array(z.string())
    .openapi({ description: 'grace, charge, refund, dispute, report, process, relay; empty: nothing' }),
  overdue: z.boolean(),
  finished_at: z.iso.datetime().nullable(),
  kept: z.array(z.object({ where: z.string(), what: z.string(), until: z.string() })),
}).openapi('Erasure');
