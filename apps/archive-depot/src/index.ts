export { archiveDepotSettings, type ArchiveDepotSettings } from './config.js';
export { startArchiveDepot } from './archive-depot.js';
