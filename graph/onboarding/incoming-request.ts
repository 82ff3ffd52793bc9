import { isBlocked } from '../../domain/blocked-values.ts';
import type { FieldProblem } from '../../domain/errors.ts';
import { validationError } from '../../domain/errors.ts';
import { normaliseIdentifier } from '../../domain/identity.ts';
import { minorFromDecimal } from '../../domain/money.ts';
import type { DeviceDetails, OnboardingRequest } from '../../domain/onboarding-types.ts';
import type { Policy } from '../../domain/policy.ts';
import type { BlindIndex } from '../../security/blind-index.ts';
import { tokenHashes } from '../wallet/token-hash.ts';

export interface IncomingIdentifier {
  type: 'email' | 'phone_number';
  /** In the normalised form in which it is compared. */
  value: string;
  is_verified: boolean;
  hashes: string[];
}

/** An onboarding request in the forms that the graph compares and stores. */
export interface IncomingRequest {
  request: OnboardingRequest;
  identifiers: IncomingIdentifier[];
  device?: { details: DeviceDetails; hashes: string[] };
  tokenHashes: string[];
  /** Minor units of the reporting currency. */
  ltvMinor?: number;
  /** What was ignored, and why. */
  warnings: string[];
}

/**
 * Normalises a request's identifiers, device and amounts, and ignores blocked values.
 * @throws PersonaError invalid_argument, with all problems
 */
export function normaliseRequest(
  request: OnboardingRequest,
  policy: Policy,
  blindIndex: BlindIndex,
): IncomingRequest {
  const problems: FieldProblem[] = [];
  const warnings: string[] = [];
  const { blockedValues, phoneRegion } = policy.onboarding;

  const identifiers = new Map<string, IncomingIdentifier>();
  for (const [index, { type, value, is_verified = false }] of (request.digital_identifiers ?? []).entries()) {
    if (isBlocked(type, value, blockedValues)) {
      warnings.push(`${type}_blocked`);
      continue;
    }
    const normalised = normaliseIdentifier(type, value, request.address_details?.country ?? phoneRegion);
    if (!normalised.ok) {
      problems.push({ field: `digital_identifiers[${index}].value`, message: normalised.problem });
    } else if (isBlocked(type, normalised.value, blockedValues)) {
      warnings.push(`${type}_blocked`);
    } else {
      const hashes = blindIndex.hashes(type, normalised.value);
      const [first] = hashes;
      const known = identifiers.get(String(first));
      identifiers.set(String(first), {
        type,
        value: normalised.value,
        is_verified: is_verified || (known?.is_verified ?? false),
        hashes,
      });
    }
  }

  const ltv = request.customer_metadata?.ltv;
  const ltvMinor = ltv === undefined ? undefined : minorFromDecimal(ltv, policy.reportingCurrency);
  if (ltv !== undefined && (ltvMinor === undefined || ltvMinor < 0)) {
    problems.push({
      field: 'customer_metadata.ltv',
      message: `must be an amount in ${policy.reportingCurrency} of at least 0`,
    });
  }
  if (problems.length > 0) throw validationError(problems);

  const { device_details: details, payment_method_details: method } = request;
  const deviceBlocked =
    details !== undefined && isBlocked('device_fingerprint', details.fingerprint, blockedValues);
  if (deviceBlocked) warnings.push('device_blocked');
  return {
    request,
    identifiers: [...identifiers.values()],
    ...(details === undefined || deviceBlocked
      ? {}
      : { device: { details, hashes: blindIndex.hashes('fingerprint', details.fingerprint) } }),
    tokenHashes: method === undefined ? [] : tokenHashes(blindIndex, method.token),
    ltvMinor,
    warnings: [...new Set(warnings)],
  };
}
