/** Decisions about who decides. */
import type { ClusterState } from '../cluster-state.js';
import type { Decision } from '../coordination-store.js';
import type { ControllerMetadata, MetadataChange } from '../metadata.js';

/**
 * Makes a broker the controller, with a higher epoch than any before.
 * @param seen the controller that was seen gone: when it is another one by now nothing changes
 */
export function takeOverController(
  state: ClusterState,
  brokerId: number,
  seen: ControllerMetadata | null,
): MetadataChange[] {
  if (state.controller?.epoch !== seen?.epoch) return [];
  if (state.brokers.get(brokerId)?.alive !== true) return [];
  const epoch = (seen?.epoch ?? 0) + 1;
  return [{ kind: 'controller', controller: { id: brokerId, epoch } }];
}

/** A decision of one controller: nothing once another has taken over. */
export function asController(controller: ControllerMetadata, decide: Decision): Decision {
  return (state) =>
    state.controller?.id === controller.id && state.controller.epoch === controller.epoch
      ? decide(state)
      : [];
}
