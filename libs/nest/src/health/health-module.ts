import { Controller, Get, Inject, Module, Res, type DynamicModule } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

import type { Registry } from '@tidemark/platform';

import { Readiness, type ReadinessOptions } from './readiness.js';

export interface HealthOptions extends ReadinessOptions {
  readonly metrics: Registry;
}

const METRICS = Symbol('metrics');

@Controller('core')
class HealthController {
  constructor(
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(METRICS) private readonly metrics: Registry,
  ) {}

  /** That this answers at all is the answer. */
  @Get('health/live')
  live(): { live: true } {
    return { live: true };
  }

  @Get('health/ready')
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const report = await this.readiness.report();
    await reply.code(report.ready ? 200 : 503).send(report);
  }

  @Get('metrics')
  async metricsText(@Res() reply: FastifyReply): Promise<void> {
    await reply.type(this.metrics.contentType).send(await this.metrics.metrics());
  }
}

/** `/core/health/live`, `/core/health/ready` and `/core/metrics` of a process. */
@Module({})
export class HealthModule {
  static register({ metrics, ...options }: HealthOptions): DynamicModule {
    return {
      module: HealthModule,
      controllers: [HealthController],
      providers: [
        { provide: Readiness, useValue: new Readiness(options) },
        { provide: METRICS, useValue: metrics },
      ],
    };
  }
}
