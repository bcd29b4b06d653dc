import type { ProtocolError } from '#protocol';

/** Notified of the events of an exchange while its handler works; each method is optional. */
export interface ExchangeWatcher {
  /** Called at the end of the exchange. */
  closed?(): void;
  /** Called instead of answering 408, if an answer has already begun. */
  bodyIdle?(): void;
  /** The client has closed its side, or is gone: both look alike. Ends a wait for records. */
  halfClosed?(): void;
  /** The caller has lost the credential or the permission: nothing more may be sent to it. */
  accessLost?(error: ProtocolError): void;
  /** Ends an endless answer, because the gateway stops. */
  stopping?(): void;
}
