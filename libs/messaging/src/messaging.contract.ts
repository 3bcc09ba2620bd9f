import { afterEach, beforeEach, describe } from '@jest/globals';

import { describeAcknowledging } from './contract/acknowledging.contract.js';
import { describeComingToRest } from './contract/coming-to-rest.contract.js';
import { describeDeadLetters } from './contract/dead-letters.contract.js';
import type { Bench, MessagingHarness } from './contract/harness.contract.js';
import { describePublishing } from './contract/publishing.contract.js';
import { describeSubscribing } from './contract/subscribing.contract.js';
import type { Messaging } from './messaging.js';

export type { MessagingHarness } from './contract/harness.contract.js';

/** What every implementation of Messaging must do, whatever carries the messages; `open` gives each test its own broker. */
export function describeMessaging(name: string, open: () => Promise<MessagingHarness>): void {
  describe(`${name}: messaging`, () => {
    let harness: MessagingHarness;
    let opened: Messaging[];

    beforeEach(async () => {
      harness = await open();
      opened = [];
    });
    afterEach(async () => {
      await Promise.all(opened.map((messaging) => messaging.close()));
      await harness.close();
    });

    const bench: Bench = {
      harness: () => harness,
      connect: (options) => {
        const messaging = harness.connect(options);
        opened.push(messaging);
        return messaging;
      },
    };
    describePublishing(bench);
    describeAcknowledging(bench);
    describeSubscribing(bench);
    describeComingToRest(bench);
    describeDeadLetters(bench);
  });
}
