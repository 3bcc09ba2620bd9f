/** Finds or starts what the tests talk to, once for the whole run; its twin global-teardown.mjs ends what was started. */
import { dropAbandonedDatabases, findPostgres, findRabbitMq, NoRabbitMqError } from '@tidemark/local-services';

/** As the person who runs the tests said it: read before the first run sets it, so that a second run (watch) agrees. */
const { TIDEMARK_TEST_POSTGRES: askedPostgres, TIDEMARK_TEST_RABBITMQ: askedRabbitMq, CI } = process.env;
let postgres;
let rabbitMq;

export default async function findServices() {
  await Promise.all([providePostgres(), provideRabbitMq()]);
}

export async function stopServices() {
  await Promise.all([postgres?.stop(), rabbitMq?.stop()]);
  postgres = undefined;
  rabbitMq = undefined;
}

async function providePostgres() {
  postgres = await findPostgres({ setting: askedPostgres });
  process.env.TIDEMARK_TEST_POSTGRES = postgres.url;
  const dropped = await dropAbandonedDatabases(postgres.url, 'tidemark_test');
  const alsoDropped = dropped.length > 0 ? `; databases of dead runs dropped: ${dropped.length}` : '';
  process.stderr.write(`${postgres.line}${alsoDropped}\n`);
}

/** Without a broker the tests that need one are counted as skipped; never in CI. */
async function provideRabbitMq() {
  try {
    rabbitMq = await findRabbitMq({ setting: askedRabbitMq });
    process.env.TIDEMARK_TEST_RABBITMQ = rabbitMq.url;
    process.stderr.write(`${rabbitMq.line}\n`);
  } catch (error) {
    if (CI === 'true' || !(error instanceof NoRabbitMqError)) throw error;
    process.env.TIDEMARK_TEST_RABBITMQ = 'none';
    process.stderr.write(`RabbitMQ: none, the tests over it are skipped: ${error.message}\n`);
  }
}
