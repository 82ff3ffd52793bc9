/** Every crash at every point, and ten minutes of random ones: `npm run test:long`. */

import { EVERY_POINT, testCrashPoints } from './crash-points.ts';
import { testErasureRequests } from './erasure-requests.ts';
import { testLateMessages } from './late-messages.ts';
import { withFaultSystem } from './with-fault-system.ts';
import { EVERY_VICTIM, testErasurePoints, testProcessPoints } from './process-points.ts';
import { testRandomKills } from './random/suite.ts';

withFaultSystem((getSystem) => {
  testCrashPoints(getSystem, EVERY_POINT);
  testProcessPoints(getSystem, EVERY_VICTIM);
  testErasurePoints(getSystem, EVERY_VICTIM);
  testErasureRequests(getSystem);
  testLateMessages(getSystem);
  testRandomKills(getSystem, {
    obligationCount: 500,
    spreadMs: 10 * 60_000,
    victims: ['worker', 'api', 'gateway', 'neo4j', 'temporal'],
  });
});
