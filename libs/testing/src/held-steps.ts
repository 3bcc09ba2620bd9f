import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

import type { Step } from '@tidemark/contracts';

/** A step at which a process stands still until it is let go, or dies. */
export interface HeldStep {
  /** Resolves when a process has come there, with its pid. */
  readonly reached: Promise<number>;
  /** It goes on, and so does whoever comes there later. */
  release(): void;
}

interface Hold {
  readonly step: Step;
  readonly reached: PromiseWithResolvers<number>;
  readonly waiting: (() => void)[];
  /** Of those that come there, so many more go on. */
  passing: number;
}

/**
 * Hears of every step of every process that is wired to it, and can hold one of them: what test/held-process.mjs asks.
 * A line names its number, the process and the step; the answer is the number: it may go on.
 */
export class HeldSteps {
  /** The pids of those that have come to each step, in the order in which they came. */
  readonly #came = new Map<Step, number[]>();
  readonly #sockets = new Set<Socket>();
  #held: Hold | undefined;

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => this.#serve(socket));
  }

  static async open(): Promise<HeldSteps> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new HeldSteps(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The first time that anybody comes there from now on, or the one after so many others. One step at a time is held. */
  hold(step: Step, after = 0): HeldStep {
    const held: Hold = { step, reached: Promise.withResolvers(), waiting: [], passing: after };
    this.#held = held;
    return { reached: held.reached.promise, release: () => this.#release(held) };
  }

  /** The pids of the processes that have made a step so far, the latest last. */
  madeBy(step: Step): readonly number[] {
    return this.#came.get(step) ?? [];
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const lines = createInterface({ input: socket });
    // Its process was killed: while it is listened to, and when it is told to go on.
    for (const one of [lines, socket]) one.on('error', () => socket.destroy());
    lines.on('line', (line) => {
      const [number, pid, ...step] = line.split(' ');
      this.#come(step.join(' ') as Step, { pid: Number(pid), goOn: () => socket.write(`${number}\n`) });
    });
  }

  #come(step: Step, { pid, goOn }: { pid: number; goOn: () => void }): void {
    const came = this.#came.get(step) ?? [];
    came.push(pid);
    this.#came.set(step, came);
    const held = this.#held;
    if (held?.step !== step || held.passing-- > 0) {
      goOn();
      return;
    }
    held.waiting.push(goOn);
    held.reached.resolve(pid);
  }

  #release(held: Hold): void {
    if (this.#held === held) this.#held = undefined;
    for (const goOn of held.waiting.splice(0)) goOn();
  }
}
