import { Counter, Gauge, type Registry } from '@tidemark/platform';

import type { Store } from './store/store.js';

/** What /core/metrics tells of the depot. */
export interface DepotFigures {
  readonly received: Counter;
  readonly sent: Counter;
}

export function createFigures(metrics: Registry, { folder, uploads }: Store): DepotFigures {
  const registers = [metrics];
  new Gauge({
    name: 'tidemark_depot_uploads',
    help: 'Uploads that are not whole yet',
    registers,
    collect() {
      this.set(uploads.all.length);
    },
  });
  new Gauge({
    name: 'tidemark_depot_free_bytes',
    help: 'Room on the disk of the archives',
    registers,
    async collect() {
      this.set(await folder.freeBytes());
    },
  });
  return {
    received: new Counter({ name: 'tidemark_depot_received_bytes_total', help: 'Bytes of bodies', registers }),
    sent: new Counter({ name: 'tidemark_depot_sent_bytes_total', help: 'Bytes of archives', registers }),
  };
}
