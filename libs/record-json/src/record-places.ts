/**
 * Places of faults in what the client sent.
 *
 * The broker knows a record by its number: it points at `/records/3/partition`. A client may have
 * sent one record alone, the value of one, or a member for all records in the query. Nothing here
 * runs before a fault is found.
 */
import { type Fault, ProtocolError } from '#protocol';

/** Where a request has its records and their members. */
export interface RecordPlaces {
  /** The pointer to the list of records. Undefined: one record, or its value, was sent. */
  readonly list: string | undefined;
  /** Members of records that stand beside them, and where: `/partition` at `?partition`. */
  readonly beside: Readonly<Partial<Record<string, string>>>;
}

/** What the broker's pointers begin with: the number of the record, and the member of it. */
const BROKER_POINTER = /^\/records\/(\d+)(.*)$/su;

/**
 * @param index number of the record
 * @param member `/partition`; the empty text is the record itself
 * @returns the pointer to the member in what was sent
 */
export function placeOf(places: RecordPlaces, index: number, member: string): string {
  const beside = places.beside[member];
  if (beside !== undefined) return beside;
  return places.list === undefined ? member : `${places.list}/${index}${member}`;
}

/**
 * The error of the broker with pointers into what was sent; any other error as it is.
 * @param placesOf is called where the error has pointers
 */
export function pointedIntoSent(error: unknown, placesOf: () => RecordPlaces): unknown {
  if (!(error instanceof ProtocolError) || error.faults.length === 0) return error;
  const places = placesOf();
  const faults = new Map<string, Fault>();
  for (const { pointer, detail } of error.faults) {
    const place = pointerIntoSent(pointer, places);
    faults.set(`${place} ${detail}`, { pointer: place, detail });
  }
  const isOfAllRecords = faults.size === 1 && error.faults.length > 1;
  // A member that is given once for all records is one fault, however many records there are.
  return error.withFaults([...faults.values()], isOfAllRecords ? 1 : undefined);
}

/**
 * The error of the broker for one record of those that it refused together: with the faults of that
 * one.
 */
export function errorOfRecord(
  error: ProtocolError,
  index: number,
  places: RecordPlaces,
): ProtocolError {
  if (error.faults.length === 0) return error;
  const own = error.faults.filter(
    ({ pointer }) => BROKER_POINTER.exec(pointer)?.[1] === `${index}`,
  );
  const faults = own.map(({ pointer, detail }) => ({
    pointer: pointerIntoSent(pointer, places),
    detail,
  }));
  return error.withFaults(faults, faults.length);
}

function pointerIntoSent(pointer: string, places: RecordPlaces): string {
  const [, index, member] = BROKER_POINTER.exec(pointer) ?? [];
  return member === undefined ? pointer : placeOf(places, Number(index), member);
}
