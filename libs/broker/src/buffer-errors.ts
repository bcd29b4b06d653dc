import { ProtocolError } from '#protocol';

/** The errors of callers that get no memory for their records. */
export const BUFFER_ERRORS = {
  exhausted(totalBytes: number): ProtocolError {
    return new ProtocolError(
      'BUFFER_EXHAUSTED',
      `The buffer for records that wait to be written is full (${totalBytes} bytes). ` +
        'Nothing was written: send the request again later.',
    );
  },
  neverFits(bytes: number, totalBytes: number): ProtocolError {
    return new ProtocolError(
      'REQUEST_TOO_LARGE',
      `The request's records take ${bytes} bytes, the whole buffer for records has ${totalBytes}.`,
    );
  },
  /** @param reason why the caller ended its wait, if it is an error for the client */
  waitEnded(reason: unknown): ProtocolError {
    if (reason instanceof ProtocolError) return reason;
    return new ProtocolError(
      'REQUEST_TIMED_OUT',
      'The wait for buffer memory was ended by the caller. Nothing was written.',
      { outcome: 'failed' },
    );
  },
} as const;
