/** `node test/contracts/release.ts`, at a release: today's contracts become those that later changes are compared with. */

import { writeFileSync } from 'node:fs';
import { buf } from '../../proto/generate.ts';
import {
  currentEvents,
  currentOpenApi,
  RELEASED_EVENTS,
  RELEASED_OPENAPI,
  RELEASED_PROTO,
} from './released.ts';

writeFileSync(RELEASED_OPENAPI, await currentOpenApi());
writeFileSync(RELEASED_EVENTS, currentEvents());
buf('build', '--exclude-source-info', '--output', RELEASED_PROTO);
