import type { CoordinationStore, ProducerIds } from '#coordination';
import { ProtocolError } from '#protocol';

/** Brokers whose ids are equal modulo this number issue the same producer ids (docs/adr/0006). */
const BROKERS = 1024;

interface IssuedIds {
  readonly store: Pick<CoordinationStore, 'kind' | 'state'>;
  readonly producerIds: Pick<ProducerIds, 'isOwn' | 'mayHaveIssued'>;
  readonly brokerId: number;
}

/**
 * The error for a producer id that no broker of this cluster can have issued; undefined where that
 * is not certain. A broker alone knows it of every id. A broker of a cluster knows it of its own
 * ids only: what other members have issued, and former members, is not written down anywhere.
 */
export function producerIdFault(
  producerId: number,
  { store, producerIds, brokerId }: IssuedIds,
): ProtocolError | undefined {
  // Malformed ones are refused with everything else that is malformed.
  if (!Number.isSafeInteger(producerId) || producerId < 0) return undefined;
  if (producerIds.mayHaveIssued(producerId)) return undefined;
  const isByOthers = store.kind !== 'embedded' && !producerIds.isOwn(producerId);
  if (isByOthers || hasTwin(store, brokerId)) return undefined;
  return new ProtocolError(
    'INVALID_PRODUCER_ID_MAPPING',
    `Producer id ${producerId} was never issued here: POST /v1/producers issues one.`,
  );
}

function hasTwin({ state }: IssuedIds['store'], brokerId: number): boolean {
  for (const id of state.brokers.keys()) {
    if (id !== brokerId && id % BROKERS === brokerId % BROKERS) return true;
  }
  return false;
}
