export { decodePeerFailure, encodePeerFailure } from './peer-failure-codec.js';
export { PeerListenError } from './peer-listener.js';
export { decodePeerMessage, encodePeerMessage } from './peer-message-codec.js';
export {
  PeerNetwork,
  type PeerNetworkSettings,
  type PeerNetworkStatus,
} from './peer-network.js';
export type { PeerTls } from './peer-tls.js';
