/** What somebody who has taken a service over would try from within its container, and must not be able to do. */
const query = (sql) => `import pg from 'pg';
  const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
  await client.connect(); await client.query(${JSON.stringify(sql)}); await client.end();`;
const amqp = (call) => `import { connect } from 'amqplib';
  const channel = await (await connect(process.env.AMQP_URL)).createConfirmChannel();
  await channel.${call}; if (${call.startsWith('publish')}) await channel.waitForConfirms(); process.exit(0);`;
const depot = (init) => `const { status } = await fetch('http://archive-depot:8082/archives/first.zip', ${init});
  if (status >= 400) throw new Error('status ' + status);`;
const internal = `const { status } = await fetch('http://gateway:8001/internal/ended-jobs', { method: 'POST' });
  if (status >= 400) throw new Error('status ' + status);`;
const UNKNOWN_TOKEN = `{ headers: { authorization: 'Bearer ' + 'x'.repeat(43) } }`;
/** Service, script and the words that it ends with. */
export const REFUSALS = [
  ['gateway', query('SELECT FROM catalog.index'), 'permission denied'],
  ['gateway', query('CREATE SCHEMA another'), 'permission denied'],
  ['gateway', query('CREATE TEMP TABLE another (a int)'), 'permission denied'],
  ['index-service', query('SELECT FROM jobs.job'), 'permission denied'],
  ['index-service', query('CREATE TABLE public.another (a int)'), 'permission denied'],
  ['transfer-worker', `import 'pg';`, 'ERR_MODULE_NOT_FOUND'],
  ['transfer-worker', `import 'typeorm';`, 'ERR_MODULE_NOT_FOUND'],
  ['gateway', `import 'unzipper';`, 'ERR_MODULE_NOT_FOUND'],
  ['transfer-worker', amqp(`assertQueue('tidemark.another')`), 'ACCESS_REFUSED'],
  ['transfer-worker', amqp(`deleteQueue('tidemark.jobs.backup')`), 'ACCESS_REFUSED'],
  ['transfer-worker', amqp(`consume('tidemark.reports', () => {})`), 'ACCESS_REFUSED'],
  ['transfer-worker', amqp(`publish('tidemark.jobs', 'backup', Buffer.from('{}'))`), 'ACCESS_REFUSED'],
  ['transfer-worker', amqp(`publish('tidemark.events', 'job', Buffer.from('{}'))`), 'ACCESS_REFUSED'],
  ['transfer-worker', amqp(`publish('', 'tidemark.reports', Buffer.from('{}'))`), 'ACCESS_REFUSED'],
  ['gateway', amqp(`assertQueue('another')`), 'ACCESS_REFUSED'],
  ['gateway', `import { writeFileSync } from 'node:fs'; writeFileSync('apps/x', '');`, 'EROFS'],
  ['transfer-worker', depot('{}'), 'status 401'],
  ['transfer-worker', depot(UNKNOWN_TOKEN), 'status 401'],
  ['gateway', depot('{}'), 'getaddrinfo'],
  ['index-service', internal, 'status 401'],
  ['archive-depot', `import 'pg';`, 'ERR_MODULE_NOT_FOUND'],
  ['archive-depot', `import 'axios';`, 'ERR_MODULE_NOT_FOUND'],
  ['archive-depot', `import { writeFileSync } from 'node:fs'; writeFileSync('/var/lib/x', '');`, 'EROFS'],
];
