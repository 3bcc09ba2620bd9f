import type { Environment } from '@tidemark/platform';

const SETTINGS = /^(TIDEMARK_.*|DATABASE_URL|AMQP_URL|HOST|PORT)$/;

/** An environment without anything that is a setting of one of our services, for a process that gets its own. */
export function withoutSettings(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !SETTINGS.test(name)));
}
