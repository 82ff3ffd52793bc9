/**
 * Modules that the sandbox loads once per thread instead of once per run: the rules in `domain/`, which are stateless.
 * Otherwise their tables and functions would be nearly half of a waiting workflow's memory.
 */

import '../domain/contests.ts';
import '../domain/erasure/steps.ts';
import '../domain/errors.ts';
import '../domain/fraud/decide.ts';
import '../domain/fraud/messages.ts';
import '../domain/onboarding/validate.ts';
import '../domain/workflow-contracts.ts';
import '../domain/reconciliation/totals.ts';
import '../domain/recovery/begin.ts';
import '../domain/recovery/decide.ts';
import '../domain/recovery/describe.ts';
import '../domain/recovery/evolve.ts';
import '../domain/recovery/messages.ts';
import '../domain/recovery/payment-failed.ts';
import '../domain/recovery/status.ts';
