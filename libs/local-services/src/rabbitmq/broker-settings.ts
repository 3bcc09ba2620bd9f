/**
 * Of RabbitMQ's application environment (`rabbit`), by the names that they have there, such as `consumer_timeout`; also those
 * that its configuration file knows no name for, such as `channel_tick_interval`.
 */
export type BrokerSettings = Readonly<Record<string, number>>;

/** As arguments of the Erlang that a broker runs on; what its configuration file sets stays as it is there. */
export function settingArguments(settings: BrokerSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-rabbit', name, String(value)]);
}
