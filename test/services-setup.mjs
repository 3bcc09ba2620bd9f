/** What the whole-system tests over separate services need besides: both versions of PostgreSQL where there are two. */
import findServices, { startOtherPostgres } from './global-setup.mjs';

export default async function findServicesAndOther() {
  await findServices();
  await startOtherPostgres();
}
