import { expect } from '@jest/globals';

import { sleep } from '@tidemark/platform';
import type { Answer, Job, RunningServices, TestProcess } from '@tidemark/testing';

const MIB = 1024 * 1024;

/** Asks for a job each second, however it goes on with those before, and looks at the memory of every process. */
export class OutageWatch {
  readonly #asked: string[] = [];
  readonly #answerMillis: number[] = [];
  readonly #memory = new Map<TestProcess, number[]>();

  /** What it looks at first is what the memory is compared with. */
  constructor(private readonly it: RunningServices) {
    this.#sample();
  }

  async eachSecond(seconds: number, request: (second: number) => Promise<Answer<Job>>): Promise<void> {
    const first = performance.now();
    for (let second = 0; second < seconds; second++) {
      await sleep(Math.max(0, first + second * 1000 - performance.now()));
      const begun = performance.now();
      const { status, body } = await request(second);
      this.#answerMillis.push(performance.now() - begun);
      expect([status, body.state]).toEqual([202, 'QUEUED']);
      this.#asked.push(body.id);
      this.#sample();
    }
  }

  async expectAllQueued(): Promise<void> {
    for (const id of this.#asked) expect(await this.it.client.job(id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
  }

  async expectAllToSucceed(): Promise<void> {
    for (const id of this.#asked)
      expect(await this.it.client.ended(id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, attempts: [] });
  }

  /** Whoever waited for the broker would have waited two seconds each time; one alone may be slow for other reasons. */
  expectQuickAnswers(): void {
    expect(middleOf(this.#answerMillis)).toBeLessThan(1_000);
    expect(Math.max(...this.#answerMillis)).toBeLessThan(30_000);
  }

  expectLevelMemory(growthBytes: number): void {
    for (const samples of this.#memory.values()) {
      const [first = 0] = samples;
      expect(Math.max(...samples) - first).toBeLessThan(growthBytes);
    }
  }

  /** For a person. */
  get figures(): string {
    const millis = this.#answerMillis;
    const answers = `${millis.length} PATCHes, ms in the middle ${middleOf(millis).toFixed(0)}, at most ${Math.max(...millis).toFixed(0)}`;
    const memory = [...this.#memory].map(([{ app }, samples]) => {
      const [first = 0, last = 0] = [samples[0], samples.at(-1)];
      return `${app} ${inMib(first)} -> ${inMib(last)} MiB, at most ${inMib(Math.max(...samples))}`;
    });
    return [answers, ...memory].join(' · ');
  }

  #sample(): void {
    for (const process of this.it.processes) {
      const samples = this.#memory.get(process) ?? [];
      samples.push(process.memory().now);
      this.#memory.set(process, samples);
    }
  }
}

function middleOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Infinity;
}

const inMib = (bytes: number): string => (bytes / MIB).toFixed(0);
