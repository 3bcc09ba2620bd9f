import { runTransferWorker } from './process.js';

await runTransferWorker();
