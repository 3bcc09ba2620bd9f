const OURS = 'tidemark';

/**
 * Exchanges and queues as they are called at the broker: with another prefix, several systems can share one virtual
 * host. Other names (queues for answers, the broker's own) stay as they are.
 */
export class BrokerNames {
  constructor(private readonly prefix: string) {}

  atBroker(name: string): string {
    return replacePrefix(name, OURS, this.prefix);
  }

  ours(name: string): string {
    return replacePrefix(name, this.prefix, OURS);
  }
}

function replacePrefix(name: string, from: string, to: string): string {
  return name.startsWith(`${from}.`) ? `${to}${name.slice(from.length)}` : name;
}
