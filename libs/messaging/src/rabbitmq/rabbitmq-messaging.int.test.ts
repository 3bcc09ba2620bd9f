import { describe } from '@jest/globals';
import { brokerIsThere } from '@tidemark/testing';

import { describeMessaging } from '../messaging.contract.js';
import { openOwnTopology } from './rabbitmq.fixture.test.js';

const whereItIs = brokerIsThere() ? describe : describe.skip;

whereItIs('RabbitMQ', () => describeMessaging('over RabbitMQ', openOwnTopology));
