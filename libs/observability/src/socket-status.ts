/** Current values for metrics. */
export interface SocketStatus {
  readonly sockets: number;
  /** Sockets whose reading is paused at the moment. */
  readonly pausedSockets: number;
  /** Bytes that clients have not received yet. */
  readonly pendingBytes: number;
  readonly openedTotal: number;
  readonly messagesTotal: number;
  /** Connections dropped because of a missing pong. */
  readonly deadTotal: number;
  /** Connections dropped because the client received nothing for very long. */
  readonly stalledTotal: number;
  /** Connections closed because there was no memory for their messages. */
  readonly refusedTotal: number;
  /** Connections cut because the client did not end its side in time after a close frame. */
  readonly closeTimeoutsTotal: number;
}
