import { Controller, Get } from '@nestjs/common';

import { openApi } from './openapi.js';

@Controller('core/docs')
export class DocsController {
  readonly #document = openApi();

  /** The public API as OpenAPI 3.1. */
  @Get()
  docs(): object {
    return this.#document;
  }
}
