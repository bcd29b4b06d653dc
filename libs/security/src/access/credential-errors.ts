import { ProtocolError } from '#protocol';
import type { Invalidity } from '../caller.js';

/** The error for a credential that was accepted before and is not valid any more. */
export function invalidError(invalidity: Invalidity): ProtocolError {
  if (invalidity !== 'unconfirmed') return notAccepted();
  return new ProtocolError(
    'BROKER_NOT_AVAILABLE',
    'This broker has no contact to the others, and cannot know which credentials are revoked.',
    { outcome: 'failed' },
  );
}

/** The error for a credential that is not accepted; it never says why. */
export function notAccepted(): ProtocolError {
  return new ProtocolError('SASL_AUTHENTICATION_FAILED', 'The credential is not accepted.');
}
