/** Finds or starts what the tests talk to, once for the whole run; its twin global-teardown.mjs ends what was started. */
import { dropAbandonedDatabases, findPostgres, findRabbitMq, NoRabbitMqError } from '@tidemark/local-services';

/** As the person who runs the tests said it: read before the first run sets it, so that a second run (watch) agrees. */
const { TIDEMARK_TEST_POSTGRES: askedPostgres, TIDEMARK_TEST_RABBITMQ: askedRabbitMq, CI } = process.env;
let postgres;
let otherPostgres;
let rabbitMq;
let finding;

/** Every project that needs them asks for them. */
export default function findServices() {
  return (finding ??= Promise.all([providePostgres(), provideRabbitMq()]));
}

/** Where the machine's own server is used, the one of the package as well: it is of another version. */
export async function startOtherPostgres() {
  if (postgres.how !== 'found') return;
  otherPostgres = await findPostgres({ setting: 'embedded' });
  process.env.TIDEMARK_TEST_OTHER_POSTGRES = otherPostgres.url;
  process.stderr.write(`${otherPostgres.line}\n`);
}

export async function stopServices() {
  await Promise.all([postgres?.stop(), otherPostgres?.stop(), rabbitMq?.stop()]);
  finding = postgres = otherPostgres = rabbitMq = undefined;
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
