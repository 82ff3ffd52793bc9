/** Every kind of crash, each at some of its points; `long.test.ts` covers all of them. */

import { FEW_POINTS, testCrashPoints } from './crash-points.ts';
import { testErasureRequests } from './erasure-requests.ts';
import { testLateMessages } from './late-messages.ts';
import { withFaultSystem } from './with-fault-system.ts';
import { testProcessPoints } from './process-points.ts';
import { FEW_ERASURES, stopErasures } from './processes/erasures.ts';
import { stopErasureWhileOnboarding } from './processes/waiting-erasures.ts';
import { testRandomKills } from './random/suite.ts';

withFaultSystem((getSystem) => {
  testCrashPoints(getSystem, FEW_POINTS);
  testProcessPoints(getSystem, ['worker'], async (system) => [
    ...(await stopErasures(system, FEW_ERASURES)),
    await stopErasureWhileOnboarding(system),
  ]);
  testErasureRequests(getSystem);
  testLateMessages(getSystem);
  testRandomKills(getSystem, {
    obligationCount: 30,
    spreadMs: 15_000,
    victims: ['worker', 'api', 'gateway'],
  });
});
