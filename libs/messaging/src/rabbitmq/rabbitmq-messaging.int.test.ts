import { describeMessaging } from '../messaging.contract.js';
import { openOwnTopology } from './rabbitmq.fixture.test.js';

describeMessaging('over RabbitMQ', openOwnTopology);
