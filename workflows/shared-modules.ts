/**
 * What the sandbox loads once for all runs of a thread instead of once for each: the rules in `domain/`, which remember
 * nothing. Their tables and functions would otherwise be nearly half of what a waiting workflow takes.
 */

import '../domain/errors.ts';
import '../domain/fraud/decide.ts';
import '../domain/fraud/messages.ts';
import '../domain/onboarding.ts';
import '../domain/workflow-contracts.ts';
import '../domain/reconciliation/totals.ts';
import '../domain/recovery/begin.ts';
import '../domain/recovery/decide.ts';
import '../domain/recovery/describe.ts';
import '../domain/recovery/evolve.ts';
import '../domain/recovery/messages.ts';
import '../domain/recovery/payment-failed.ts';
import '../domain/recovery/status.ts';
