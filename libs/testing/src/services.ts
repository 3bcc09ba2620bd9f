import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { newGrantKeys } from '@tidemark/contracts';
import { unusedPort } from '@tidemark/platform';

import { testBrokerUrl } from './test-broker.js';
import { removeTopology } from './test-topology.js';
import { TestProcess, type AppName } from './test-process.js';

export interface ServiceCounts {
  readonly gateways?: number;
  readonly indexServices?: number;
  readonly workers?: number;
}

/** What every process of a system must agree on, from start to start. */
export interface ServicesIdentity {
  readonly amqpUrl: string;
  readonly queuePrefix: string;
  readonly grantKeys: { readonly privateKey: string; readonly publicKey: string };
  readonly secretKey: string;
}

/** Over those of all processes, for those of one kind. */
export type SettingsByApp = Partial<Record<AppName, Readonly<Record<string, string>>>>;

/** Gives the URL by which one process reaches another: its own, or one on a way to it that can be cut. */
export type WayTo = (url: string) => Promise<string>;

interface ServicesOptions {
  readonly home: string;
  readonly databaseUrl: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly settingsOf?: SettingsByApp;
  readonly like?: { readonly services: ServicesIdentity | undefined };
  readonly counts?: ServiceCounts;
  readonly amqpUrl?: string;
  readonly within?: readonly string[];
  readonly script?: string | undefined;
  readonly wayTo?: WayTo;
}

/**
 * Gateways, index-services and transfer-workers, each in a process of its own. They have their ports for good, so that
 * one that is started again is found by the others. The n-th gateway asks the n-th index-service, the n-th worker the
 * n-th gateway; where one kind has fewer, it is the first.
 */
export class Services {
  readonly identity: ServicesIdentity;
  gateways: readonly TestProcess[] = [];
  indexServices: readonly TestProcess[] = [];
  workers: readonly TestProcess[] = [];
  /** Where each gateway listens for workers. */
  internalUrls: readonly string[] = [];

  constructor(private readonly options: ServicesOptions) {
    this.identity = options.like?.services ?? {
      amqpUrl: options.amqpUrl ?? testBrokerUrl(),
      queuePrefix: `test-${randomUUID()}`,
      grantKeys: newGrantKeys(),
      secretKey: randomBytes(32).toString('base64'),
    };
  }

  get processes(): readonly TestProcess[] {
    return [...this.gateways, ...this.indexServices, ...this.workers];
  }

  async start(): Promise<void> {
    const { gateways = 1, indexServices = 1, workers = 1 } = this.options.counts ?? {};
    const indexPorts = await freePorts(indexServices);
    const internalPorts = await freePorts(gateways);
    this.internalUrls = internalPorts.map((port) => `http://127.0.0.1:${port}`);
    this.indexServices = await Promise.all(indexPorts.map((port) => this.#indexService(port)));
    this.gateways = await Promise.all(
      internalPorts.map((internal, n) => this.#gateway({ internal, index: nth(indexPorts, n) })),
    );
    this.workers = await Promise.all(Array.from({ length: workers }, (_, n) => this.#worker(n, nth(internalPorts, n))));
    await Promise.all(this.processes.map((process) => process.start()));
  }

  /** Workers first: what they hand back is told to somebody. Resolves with the first exit code that is not 0. */
  async stop(): Promise<number | null> {
    const codes: (number | null)[] = [];
    for (const kind of [this.workers, this.gateways, this.indexServices]) {
      codes.push(...(await Promise.all(kind.map((process) => process.stop()))));
    }
    return codes.find((code) => code !== 0) ?? 0;
  }

  async kill(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.kill()));
  }

  async remove(): Promise<void> {
    await this.stop();
    await removeTopology(this.identity);
  }

  async #indexService(port: number): Promise<TestProcess> {
    return this.#process('index-service', {
      HOST: '127.0.0.1',
      PORT: String(port),
      TIDEMARK_ADVERTISE_URL: await this.#wayTo(port),
      TIDEMARK_GRANT_KEY: this.identity.grantKeys.publicKey,
    });
  }

  async #gateway({ internal, index }: { internal: number; index: number }): Promise<TestProcess> {
    return this.#process('gateway', {
      PORT: String(await unusedPort()),
      TIDEMARK_INTERNAL_PORT: String(internal),
      TIDEMARK_INDEX_URL: await this.#wayTo(index),
      TIDEMARK_GRANT_KEY: this.identity.grantKeys.privateKey,
      TIDEMARK_SECRET_KEY: this.identity.secretKey,
    });
  }

  async #worker(n: number, internal: number): Promise<TestProcess> {
    return this.#process('transfer-worker', {
      HOST: '127.0.0.1',
      PORT: '0',
      DATABASE_URL: '',
      TIDEMARK_GATEWAY_URL: await this.#wayTo(internal),
      TIDEMARK_SPOOL: join(this.options.home, n === 0 ? 'spool' : `spool-${n + 1}`),
    });
  }

  async #wayTo(port: number): Promise<string> {
    const url = `http://127.0.0.1:${port}`;
    return (await this.options.wayTo?.(url)) ?? url;
  }

  #process(app: AppName, own: Readonly<Record<string, string>>): TestProcess {
    const { settings, settingsOf, within = [], script } = this.options;
    const broker = { AMQP_URL: this.identity.amqpUrl, TIDEMARK_QUEUE_PREFIX: this.identity.queuePrefix };
    return new TestProcess({ app, within, script, settings: { ...broker, ...settings, ...settingsOf?.[app], ...own } });
  }
}

function nth(ports: readonly number[], n: number): number {
  return ports[n] ?? ports[0] ?? 0;
}

/** Kept by their processes when they are killed and start again. */
async function freePorts(count: number): Promise<number[]> {
  return await Promise.all(Array.from({ length: count }, () => unusedPort()));
}
