import { ProtocolError } from '#protocol';
import { type Access, invalidError } from '#security';
import type { FoundOperation } from '../operation-router.js';
import { assertPermitted } from './assert-permitted.js';

/**
 * Returns the reason why a caller may no longer go on with an operation; undefined if it may.
 * @param nowMs the monotonic time, if it is known
 */
export function accessLoss(
  access: Access,
  found: FoundOperation | undefined,
  nowMs?: number,
): ProtocolError | undefined {
  const invalidity = access.invalidity(nowMs);
  if (invalidity !== undefined) return invalidError(invalidity);
  if (found === undefined) return undefined;
  try {
    assertPermitted(access, found);
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}
