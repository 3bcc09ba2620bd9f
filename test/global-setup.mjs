/** Finds or starts what the tests talk to, once for the whole run; its twin global-teardown.mjs ends what was started. */
import { dropAbandonedDatabases, findPostgres } from '@tidemark/local-services';

/** As the person who runs the tests said it: read before the first run sets it, so that a second run (watch) agrees. */
const asked = process.env.TIDEMARK_TEST_POSTGRES;
let postgres;

export default async function findServices() {
  postgres = await findPostgres({ setting: asked });
  process.env.TIDEMARK_TEST_POSTGRES = postgres.url;
  const dropped = await dropAbandonedDatabases(postgres.url, 'tidemark_test');
  const alsoDropped = dropped.length > 0 ? `; databases of dead runs dropped: ${dropped.length}` : '';
  process.stderr.write(`${postgres.line}${alsoDropped}\n`);
}

export async function stopServices() {
  await postgres?.stop();
  postgres = undefined;
}
