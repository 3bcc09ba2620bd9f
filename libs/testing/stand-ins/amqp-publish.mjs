/** Stands in for amqp-publish: --url=URL, -e, -r, -p, -C, -H and -b. */
import { parseArgs } from 'node:util';

import { connect } from 'amqplib';

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    exchange: { type: 'string', short: 'e' },
    'routing-key': { type: 'string', short: 'r' },
    persistent: { type: 'boolean', short: 'p' },
    'content-type': { type: 'string', short: 'C' },
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    body: { type: 'string', short: 'b' },
  },
});
const headers = Object.fromEntries(values.header.map((line) => line.split(/: */, 2)));
const broker = await connect(values.url);
const channel = await broker.createConfirmChannel();
channel.publish(values.exchange, values['routing-key'], Buffer.from(values.body), {
  headers,
  persistent: values.persistent,
  contentType: values['content-type'],
});
await channel.waitForConfirms();
await broker.close();
