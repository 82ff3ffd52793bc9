/**
 * The format checks of an onboarding request that need large tables or the policy, for entry points: together with
 * `validateOnboarding` a caller gets all problems in one response. Not for workflows, like `domain/identity.ts`.
 */

import { isBlocked } from './blocked-values.ts';
import { normaliseIdentifier } from './identity.ts';
import { minorFromDecimal } from './money.ts';
import type { FormatRules } from './onboarding-types.ts';
import type { Policy } from './policy.ts';

/**
 * The format checks that the graph will apply to a request.
 * @param policy - absent: only what is invalid under every policy is reported
 */
export function formatRules(policy?: Pick<Policy, 'onboarding' | 'reportingCurrency'>): FormatRules {
  return {
    identifier(type, value, country) {
      if (isBlocked(type, value, policy?.onboarding.blockedValues ?? [])) return undefined;
      const region = country ?? policy?.onboarding.phoneRegion;
      const isLocal = type === 'phone_number' && !value.startsWith('+');
      if (policy === undefined && isLocal && region === undefined) return undefined;
      const normalised = normaliseIdentifier(type, value, region);
      return normalised.ok ? undefined : normalised.problem;
    },
    ltv(amount) {
      if (policy === undefined || minorFromDecimal(amount, policy.reportingCurrency) !== undefined)
        return undefined;
      return `must be an amount in ${policy.reportingCurrency}`;
    },
  };
}
