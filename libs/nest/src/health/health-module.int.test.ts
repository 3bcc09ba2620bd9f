import { Module } from '@nestjs/common';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMetrics, silentLogger } from '@tidemark/platform';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

import { createHttpApplication } from '../http/http-application.js';
import { listen } from '../http/listen.js';
import { HealthModule } from './health-module.js';

@Module({})
class Service {}

let problems: string[] = [];
let app: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  const metrics = createMetrics('test-service');
  const health = HealthModule.register({ checks: { broker: () => problems }, metrics, log: silentLogger });
  app = await createHttpApplication({ module: Service, imports: [health] }, { log: silentLogger, metrics });
  url = await listen(app, { host: '127.0.0.1', port: 0, setting: 'PORT' });
});
afterAll(() => app.close());

test('a process that runs is live', async () => {
  const answer = await fetch(`${url}/core/health/live`);
  expect([answer.status, await answer.json()]).toEqual([200, { live: true }]);
});

test('it is ready as long as no check finds a problem', async () => {
  problems = [];
  const ready = await fetch(`${url}/core/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, problems: { broker: [] } }]);
  problems = ['not connected'];
  const unready = await fetch(`${url}/core/health/ready`);
  expect([unready.status, await unready.json()]).toEqual([503, { ready: false, problems: { broker: problems } }]);
});

test('its figures are there for Prometheus', async () => {
  const answer = await fetch(`${url}/core/metrics`);
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=/);
  const text = await answer.text();
  expect(text).toMatch(/^process_cpu_seconds_total\{service="test-service"\} /m);
  const labels = 'service="test-service",route="/core/health/live",method="GET",status="2xx"';
  expect(text).toContain(`tidemark_http_request_duration_seconds_count{${labels}} 1`);
});
