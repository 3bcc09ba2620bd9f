export { indexServiceSettings, type IndexServiceSettings } from './config.js';
export { startIndexService, type IndexService } from './index-service.js';
export { runIndexService } from './process.js';
