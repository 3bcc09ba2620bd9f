/**
 * As crash.e2e.test.ts, over two of each service: the process that has come to the step is killed, or the one that works
 * with it; the others go on, and the client asks another gateway where its own is dead.
 */
import { describeCrashes } from './crash-cases.fixture.test.js';

describeCrashes('two of each service', { counts: { gateways: 2, indexServices: 2, workers: 2 }, some: 4 });
