export { gatewaySettings, type GatewaySettings } from './config.js';
export { startGateway, type Gateway, type GatewayOptions } from './gateway.js';
export { runGateway } from './process.js';
