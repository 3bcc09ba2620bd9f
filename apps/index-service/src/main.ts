import { runIndexService } from './process.js';

await runIndexService();
