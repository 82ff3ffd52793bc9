/** One request to charge a payment method: its step of the script, the step's effect on the payment, and the response. */

import { authenticationDecline, declineOf, declineError } from './declines.ts';
import { ConnectionDropped, GatewayError } from './errors.ts';
import { type ApiResponse, type Call, causeOf } from './gateway.ts';
import { type ChargeTarget, markDeclined, markSucceeded, newCharge } from './ledger.ts';
import { intentObject } from './objects.ts';
import { settleLater } from './settlement.ts';
import type { Step } from './steps.ts';
import type { Charge, Decline } from './store.ts';

export interface ChargeRequest extends ChargeTarget {
  call: Call;
  /** Off session, a required authentication is a decline. */
  failsOnAction: boolean;
  /** Applies the request's changes to the payment, once the charge can no longer be aborted. */
  begin: () => void;
}

/** Charges once, by the method's next step. @throws GatewayError, ConnectionDropped */
export async function charge(request: ChargeRequest): Promise<ApiResponse> {
  const { call, method, intent } = request;
  const { gateway } = call;
  const store = gateway.store;
  const step = method.script.shift() ?? method.defaultStep;

  await beforeCapture(request, step);
  // The simulator was reset while this request waited.
  if (gateway.store !== store) throw new ConnectionDropped();
  request.begin();
  const { createdCharge, event } = capture(request, step);
  gateway.save();

  const responseBody = intentObject(intent);
  const afterwards = await gateway.webhooks.emit(event, responseBody, causeOf(call), step.webhook);
  if (createdCharge?.decline) throw declineError(createdCharge.decline, method, createdCharge, afterwards);
  if (step.do === 'hold_after_capture') await hold(request, step);
  return {
    status: 200,
    body: responseBody,
    ...(afterwards && { afterwards }),
    dropConnection: step.do === 'drop_after_capture',
  };
}

async function beforeCapture(request: ChargeRequest, step: Step): Promise<void> {
  if (step.delay_ms !== undefined) await new Promise((resolve) => setTimeout(resolve, step.delay_ms));
  if (step.do === 'drop_before_capture') throw new ConnectionDropped();
  if (step.do === 'hold_before_capture') await hold(request, step);
  if (step.do === 'error_500') {
    throw new GatewayError(500, { type: 'api_error', message: 'An unknown error occurred' });
  }
}

function hold({ call, intent, requestedMethodId }: ChargeRequest, step: Step): Promise<void> {
  // Saved, so that the step counts as taken if the simulator is killed now.
  call.gateway.save();
  // A payment that is still being created is not visible yet.
  const visible = call.gateway.store.intents.has(intent.id);
  return call.gateway.holds.wait({
    step: step.do,
    idempotency_key: call.key?.key ?? null,
    payment_method: requestedMethodId,
    ...(visible && { payment_intent: intent.id }),
  });
}

function capture(request: ChargeRequest, step: Step): { createdCharge?: Charge; event: string } {
  const { call, intent, method } = request;
  // A hold with a decline code declines when it is released.
  const isHeldDecline = step.do === 'hold_before_capture' && step.decline_code !== undefined;
  if (step.do === 'decline' || isHeldDecline) return declineCharge(request, declineOf(step));
  if (step.do === 'requires_action') {
    settleLater(call.gateway, request, step);
    if (request.failsOnAction) return declineCharge(request, authenticationDecline(step));
    intent.payment_method = method.id;
    intent.status = 'requires_action';
    return { event: 'payment_intent.requires_action' };
  }
  if (step.do === 'processing') {
    const createdCharge = newCharge(call.gateway, request, call.key, 'pending');
    intent.status = 'processing';
    settleLater(call.gateway, request, step, createdCharge);
    return { createdCharge, event: 'payment_intent.processing' };
  }
  const createdCharge = newCharge(call.gateway, request, call.key, 'succeeded');
  markSucceeded(createdCharge);
  return { createdCharge, event: 'payment_intent.succeeded' };
}

function declineCharge(request: ChargeRequest, decline: Decline): { createdCharge: Charge; event: string } {
  const { call } = request;
  const createdCharge = newCharge(call.gateway, request, call.key, 'failed');
  markDeclined(createdCharge, decline);
  return { createdCharge, event: 'payment_intent.payment_failed' };
}
