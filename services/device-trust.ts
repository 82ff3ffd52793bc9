import { validationError } from '../domain/errors.ts';
import { isTrusted } from '../domain/trust.ts';
import { CLOCK_SKEW_MS } from '../graph/recovery/index.ts';
import { updateDeviceTrustScore } from '../graph/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { Caller } from './caller.ts';
import type { DeviceTrustRequest } from './services.ts';
import type { DeviceTrustView } from './views.ts';

/**
 * Records Chimera's latest trust score of a device; an observation older than the known one changes nothing. Without an
 * idempotency key the observation identifies itself by device, time and score.
 *
 * @throws PersonaError invalid_argument (a time in the future), device_not_found, stale_version,
 *   idempotency_key_reused, graph_unavailable
 */
export async function updateDeviceTrust(
  { graph, policy }: ServiceDependencies,
  caller: Caller,
  request: DeviceTrustRequest,
): Promise<DeviceTrustView> {
  const { device_id, trust_score, expected_version } = request;
  const observed_at = request.observed_at ?? new Date().toISOString();
  // An observation from the future would override every genuine one.
  if (Date.parse(observed_at) > Date.now() + CLOCK_SKEW_MS)
    throw validationError([{ field: 'observed_at', message: 'must not be in the future' }]);
  const header = {
    caller: caller.caller,
    ...(caller.idempotencyKey === undefined
      ? { idempotencyKey: `device-trust:${device_id}:${observed_at}:${trust_score}` }
      : { idempotencyKey: caller.idempotencyKey, isHeaderKey: true as const }),
    actor: caller.actor,
    correlationId: caller.correlationId,
    occurredAt: observed_at,
  };
  const { device, version, linked_customers, applied } = await updateDeviceTrustScore(graph, header, {
    device_id,
    trust_score,
    observed_at,
    expected_version,
  });
  return {
    device: {
      device_id: device.device_id,
      trust_score: device.trust_score,
      trusted: isTrusted(device, policy.trust, Date.now()),
      changed_seq: device.changed_seq,
    },
    version,
    linked_customers,
    applied,
  };
}
