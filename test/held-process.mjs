/**
 * One of the services as its main.js runs it, wired to a test that hears of its steps and may hold it at one:
 * `held-process.mjs <app>`, with the test's port in TIDEMARK_TEST_STEPS_PORT.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

import { runGateway } from '@tidemark/gateway';
import { runIndexService } from '@tidemark/index-service';
import { environment } from '@tidemark/platform';
import { runTransferWorker } from '@tidemark/transfer-worker';

const RUNS = { gateway: runGateway, 'index-service': runIndexService, 'transfer-worker': runTransferWorker };

const waiting = new Map();
let asked = 0;
const socket = connect(Number(environment().TIDEMARK_TEST_STEPS_PORT), '127.0.0.1');
socket.unref();
socket.on('close', () => letGo());
const lines = createInterface({ input: socket });
lines.on('error', () => undefined); // of the socket, which closes then
lines.on('line', (number) => {
  waiting.get(number)?.();
  waiting.delete(number);
});

/** Nobody holds anything any more. */
function letGo() {
  for (const goOn of waiting.values()) goOn();
  waiting.clear();
}

const steps = {
  made: async (step) => {
    if (socket.destroyed) return;
    const number = String(++asked);
    await new Promise((goOn) => {
      waiting.set(number, goOn);
      socket.write(`${number} ${process.pid} ${step}\n`);
    });
  },
};

await RUNS[process.argv[2]](steps);
