import type { ServerExit } from '../host/kept-program.js';

/** A RabbitMQ that belongs to this process and ends with it, however that ends. */
export interface LocalRabbitMq {
  /** `amqp://…` of its administrator, password included: a secret. */
  readonly url: string;
  readonly port: number;
  /** Of the broker, such as `3.10.8`. */
  readonly version: string;
  /** Of the broker's main process. */
  readonly pid: number;
  /** Resolves when the broker is gone. Again is fine. */
  stop(): Promise<void>;
  /** Resolves, never rejects, when the broker has ended: by `stop` or by itself. */
  readonly exited: Promise<ServerExit>;
}
