/** Stands in for rabbitmqadmin, over AMQP_URL: `publish` with exchange=, routing_key=, properties= and payload=. */
import { connect } from 'amqplib';

const [, ...given] = process.argv.slice(2);
const named = Object.fromEntries(given.map((argument) => /^(\w+)=([^]*)$/.exec(argument).slice(1)));
const { message_id: messageId, delivery_mode: deliveryMode } = JSON.parse(named.properties);
const broker = await connect(process.env.AMQP_URL);
const channel = await broker.createConfirmChannel();
channel.publish(named.exchange, named.routing_key, Buffer.from(named.payload), { messageId, deliveryMode });
await channel.waitForConfirms();
await broker.close();
