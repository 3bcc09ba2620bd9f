import { Agent, request } from 'node:http';

import { quantile } from './figures.ts';
import type { Calls } from './rounds.ts';

interface HttpCall {
  readonly body?: string | Buffer;
  readonly type?: string;
}

/** Calls of one service over connections that are kept. */
export class HttpTarget {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#url = new URL(url);
    this.#headers = headers;
  }

  /** Resolves with the text of the answer. Throws where that is no success. */
  async call(method: string, path: string, { body, type = 'application/json' }: HttpCall = {}): Promise<string> {
    const length = body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) };
    const { hostname, port } = this.#url;
    const headers = { ...this.#headers, ...length };
    return await new Promise((resolve, reject) => {
      const sent = request({ hostname, port, method, path, headers, agent: this.#agent }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const { statusCode = 0 } = answer;
          if (statusCode >= 200 && statusCode < 300) resolve(text);
          else reject(new Error(`${method} ${path}: ${statusCode} ${text}`));
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** So many callers, each of whom calls again as soon as it has its answer. */
export async function callFor(
  seconds: number,
  callers: number,
  call: (caller: number) => Promise<unknown>,
): Promise<Calls> {
  const millis: number[] = [];
  const until = performance.now() + 1000 * seconds;
  const one = async (caller: number): Promise<void> => {
    for (let began = performance.now(); began < until; began = performance.now()) {
      await call(caller);
      millis.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => one(caller)));
  return summary(millis);
}

/** At a steady rate, whether or not the calls before were answered; a call's time counts from when it was due. */
export async function callAtRate(
  { seconds, perSecond }: { readonly seconds: number; readonly perSecond: number },
  call: () => Promise<unknown>,
): Promise<number[]> {
  const millis: number[] = [];
  const underWay: Promise<void>[] = [];
  const start = performance.now();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      while (underWay.length <= ((performance.now() - start) / 1000) * perSecond) {
        if (underWay.length >= seconds * perSecond) {
          clearInterval(timer);
          resolve();
          return;
        }
        const due = start + (underWay.length * 1000) / perSecond;
        underWay.push(call().then(() => void millis.push(performance.now() - due)));
      }
    }, 1);
  });
  await Promise.all(underWay);
  return millis;
}

function summary(millis: readonly number[]): Calls {
  return { count: millis.length, p50Millis: quantile(millis, 0.5), p99Millis: quantile(millis, 0.99) };
}
