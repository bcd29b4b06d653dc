import type { ProtocolError } from '#protocol';
import type { Access } from '#security';
import type { FrontContext } from '../front-context.js';
import type { FoundOperation } from '../operation-router.js';
import { accessLoss } from './access-loss.js';

/** An operation that a caller was admitted to. */
export interface AdmittedUse {
  readonly access: Access;
  readonly found: FoundOperation | undefined;
}

/**
 * Lets an admitted request wait for its quota.
 * @param onEnd called once: when it is its turn, or with the reason as soon as its caller has lost
 *   the credential or a permission
 */
export function waitForTurn(
  { scheduler, openUses }: Pick<FrontContext, 'scheduler' | 'openUses'>,
  waitMs: number,
  { access, found }: AdmittedUse,
  onEnd: (loss?: ProtocolError) => void,
): void {
  const release = openUses?.add({
    access,
    recheck: () => {
      const error = accessLoss(access, found);
      if (error === undefined) return;
      release?.();
      timer.cancel();
      onEnd(error);
    },
  });
  const timer = scheduler.after(waitMs, () => {
    release?.();
    onEnd();
  });
}
