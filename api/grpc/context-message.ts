/**
 * Responses to `GetCustomerContext` and `BatchGetCustomerContext`. A cached context is returned to many callers, so it is converted to a message and
 * serialised only once.
 */

import { GetCustomerContextResponse, PersonaAgentService } from '../../proto/gen/persona/v1/persona_agent.ts';
import type { CustomerContextView } from '../../services/views.ts';
import { toMessage } from './mapping.ts';

const messages = new WeakMap<CustomerContextView, GetCustomerContextResponse>();
const encoded = new WeakMap<GetCustomerContextResponse, Buffer>();
const { responseSerialize } = PersonaAgentService.getCustomerContext;

/** The message of a context, which must be immutable. */
export function toContext(context: CustomerContextView): GetCustomerContextResponse {
  const cached = messages.get(context);
  if (cached !== undefined) return cached;
  const message = toMessage(GetCustomerContextResponse, context);
  messages.set(context, message);
  return message;
}

/** The generated service with cached serialisation. */
export const personaAgentService: typeof PersonaAgentService = {
  ...PersonaAgentService,
  getCustomerContext: {
    ...PersonaAgentService.getCustomerContext,
    responseSerialize(message) {
      const cached = encoded.get(message);
      if (cached !== undefined) return cached;
      const bytes = responseSerialize(message);
      encoded.set(message, bytes);
      return bytes;
    },
  },
};
