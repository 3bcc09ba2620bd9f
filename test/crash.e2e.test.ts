/**
 * kill -9 of each process at each step of a job: the job ends as it would have without it, once, and nothing is torn or
 * left behind. All of them by `npm run test:crash`; otherwise some, chosen by a seed.
 */
import { describeCrashes } from './crash-cases.fixture.test.js';

describeCrashes('one of each service', { counts: {}, some: 6 });
