/** Decisions about the controller. */
import type { ClusterState } from '../cluster-state.js';
import type { Decision } from '../coordination-store.js';
import type { ControllerMetadata, MetadataChange } from '../metadata.js';

/**
 * Makes a broker the controller, with a higher epoch than all before.
 * @param seen the controller that was found dead; nothing changes when the state has another one
 */
export function electController(
  state: ClusterState,
  brokerId: number,
  seen: ControllerMetadata | null,
): MetadataChange[] {
  if (state.controller?.epoch !== seen?.epoch) return [];
  if (state.brokers.get(brokerId)?.alive !== true) return [];
  const epoch = (seen?.epoch ?? 0) + 1;
  return [{ kind: 'controller', controller: { id: brokerId, epoch } }];
}

/** Limits a decision to one controller: it changes nothing once another one is elected. */
export function asController(controller: ControllerMetadata, decide: Decision): Decision {
  return (state) =>
    state.controller?.id === controller.id && state.controller.epoch === controller.epoch
      ? decide(state)
      : [];
}
