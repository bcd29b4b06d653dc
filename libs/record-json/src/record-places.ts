/**
 * Pointers of faults into the request that the client sent.
 *
 * The broker identifies a record by its number and points at `/records/3/partition`. A client may
 * have sent a single record, the value of one, or a member for all records in the query. This code
 * runs only after a fault was found.
 */
import { type Fault, ProtocolError } from '#protocol';

/** Positions of the records and their members in a request. */
export interface RecordPlaces {
  /** Pointer to the list of records; undefined when one record, or its value, was sent. */
  readonly list: string | undefined;
  /** Members next to the list of records, and their pointers: `/partition` at `?partition`. */
  readonly beside: Readonly<Partial<Record<string, string>>>;
}

/** Form of the broker's pointers: the number of the record, and the member of it. */
const BROKER_POINTER = /^\/records\/(\d+)(.*)$/su;

/**
 * @param index number of the record
 * @param member `/partition`; the empty text is the record itself
 * @returns the pointer to the member in the request
 */
export function placeOf(places: RecordPlaces, index: number, member: string): string {
  const beside = places.beside[member];
  if (beside !== undefined) return beside;
  return places.list === undefined ? member : `${places.list}/${index}${member}`;
}

/**
 * Returns the error of the broker with pointers into the request; any other error unchanged.
 * @param placesOf is called when the error has pointers
 */
export function withRequestPointers(error: unknown, placesOf: () => RecordPlaces): unknown {
  if (!(error instanceof ProtocolError) || error.faults.length === 0) return error;
  const places = placesOf();
  const faults = new Map<string, Fault>();
  for (const { pointer, detail } of error.faults) {
    const place = pointerIntoSent(pointer, places);
    faults.set(`${place} ${detail}`, { pointer: place, detail });
  }
  const isOfAllRecords = faults.size === 1 && error.faults.length > 1;
  // A member given once for all records is one fault, however many records there are.
  return error.withFaults([...faults.values()], isOfAllRecords ? 1 : undefined);
}

/**
 * Returns the error of one of the records that the broker refused together, with its own faults.
 */
export function errorOfRecord(
  error: ProtocolError,
  index: number,
  places: RecordPlaces,
): ProtocolError {
  if (error.faults.length === 0) return error;
  const ownFaults = error.faults.filter(
    ({ pointer }) => BROKER_POINTER.exec(pointer)?.[1] === `${index}`,
  );
  const faults = ownFaults.map(({ pointer, detail }) => ({
    pointer: pointerIntoSent(pointer, places),
    detail,
  }));
  return error.withFaults(faults, faults.length);
}

function pointerIntoSent(pointer: string, places: RecordPlaces): string {
  const [, index, member] = BROKER_POINTER.exec(pointer) ?? [];
  return member === undefined ? pointer : placeOf(places, Number(index), member);
}
