/**
 * Asks for a backup over RabbitMQ, and waits for its end: node request-backup.mjs file:/var/backup/nightly.zip
 * Wants the npm package amqplib, and AMQP_URL. Run again with the same message-id it repeats nothing.
 */
import { randomUUID } from 'node:crypto';

import { connect } from 'amqplib';

const [destination = 'file:/var/backup/nightly.zip', messageId = randomUUID()] = process.argv.slice(2);
const prefix = process.env.TIDEMARK_QUEUE_PREFIX ?? 'tidemark';
const broker = await connect(process.env.AMQP_URL ?? 'amqp://guest:guest@127.0.0.1:5672');
const channel = await broker.createConfirmChannel();

// Events first, so that none is missed: the end of every backup, whatever it was.
const { queue } = await channel.assertQueue('', { exclusive: true });
await channel.bindQueue(queue, `${prefix}.events`, 'job.backup.*');
const ended = new Map();
const told = (job) => ended.get(job.id)?.(job) ?? ended.set(job.id, job);

const answered = new Promise((resolve) => {
  const onAnswer = (message) => resolve(JSON.parse(message.content.toString()));
  void channel.consume('amq.rabbitmq.reply-to', onAnswer, { noAck: true });
});
await channel.consume(queue, (message) => told(JSON.parse(message.content.toString())), { noAck: true });

const request = { kind: 'com:vmware:xenon:services:common:ServiceHostManagementService:BackupRequest', destination };
const options = { messageId, replyTo: 'amq.rabbitmq.reply-to', persistent: true, mandatory: true };
channel.publish(`${prefix}.requests`, 'request', Buffer.from(JSON.stringify(request)), options);
await channel.waitForConfirms();

const job = await answered;
if (job.code) {
  console.error(`refused: ${job.code}: ${job.message}`);
  process.exitCode = 1;
} else {
  console.log(`job ${job.id} is ${job.state}`);
  const isOver = ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(job.state);
  const end = isOver ? job : (ended.get(job.id) ?? (await new Promise((resolve) => ended.set(job.id, resolve))));
  console.log(`job ${end.id} has ended: ${end.state}`, end.result ?? end.error);
  process.exitCode = end.state === 'SUCCEEDED' ? 0 : 1;
}
await broker.close();
