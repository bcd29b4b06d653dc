/** Subprotocol that a client must offer. */
export const SUBPROTOCOL = 'sluice.v1';
/** Path of the WebSocket; the `instance` of its problems. */
export const SOCKET_PATH = '/v1/ws';
