/** What each topic's records do (docs/reference/interfaces.md, 'Events'). */

import { InboundTopic, type InboundTopicName } from '../../domain/inbound/topics.ts';
import { applyAnalyticsFeedback } from '../../services/apply-analytics-feedback.ts';
import type { Caller } from '../../services/caller.ts';
import { recordRoutingOutcome } from '../../services/record-routing-outcome.ts';
import { reportFraudOutcome } from '../../services/report-fraud-outcome.ts';
import { reportPaymentFailure } from '../../services/report-payment-failure.ts';
import { reportPaymentSettled } from '../../services/report-payment-settled.ts';
import type { ServiceDependencies } from '../../services/service-dependencies.ts';

export type HandlerDependencies = Pick<ServiceDependencies, 'graph' | 'temporal' | 'policy'>;

type Handler = (
  dependencies: HandlerDependencies,
  caller: Pick<Caller, 'actor' | 'correlationId'>,
  value: unknown,
) => Promise<unknown>;

export const HANDLERS: Readonly<Record<InboundTopicName, Handler>> = {
  [InboundTopic.paymentFailed]: reportPaymentFailure,
  [InboundTopic.paymentSettled]: reportPaymentSettled,
  [InboundTopic.fraudOutcome]: reportFraudOutcome,
  [InboundTopic.routingOutcome]: recordRoutingOutcome,
  [InboundTopic.analyticsFeedback]: applyAnalyticsFeedback,
};
