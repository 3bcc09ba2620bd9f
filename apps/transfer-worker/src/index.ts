export { transferWorkerSettings, type TransferWorkerSettings } from './config.js';
export { startTransferWorker } from './transfer-worker.js';
export { runTransferWorker } from './process.js';
