/** Every kind of crash, each at some of its points; `long.test.ts` covers all of them. */

import { FEW_POINTS, testCrashPoints } from './crash-points.ts';
import { withFaultSystem } from './with-fault-system.ts';
import { testProcessPoints } from './process-points.ts';
import { FEW_ERASURES } from './processes/erasures.ts';
import { testRandomKills } from './random/suite.ts';

withFaultSystem((getSystem) => {
  testCrashPoints(getSystem, FEW_POINTS);
  testProcessPoints(getSystem, ['worker'], FEW_ERASURES);
  testRandomKills(getSystem, {
    obligationCount: 30,
    spreadMs: 15_000,
    victims: ['worker', 'api', 'gateway'],
  });
});
