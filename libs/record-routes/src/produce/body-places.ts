import type { RecordPlaces } from '#record-json';
import type { BodyForm } from './body-form.js';

/** The body, or the line, is the value: all other members of the record are in the query. */
const VALUE_PLACES: RecordPlaces = {
  list: undefined,
  beside: { '/partition': '?partition', '/key': '?key' },
};

/** The facts that decide the location of the members of records. */
interface BodyToPointInto {
  readonly form: BodyForm;
  /** JSON pointer to the list of records, if the body has one. */
  readonly list?: string | undefined;
  /** True when the query has the partition of all records. */
  readonly isPartitionInQuery: boolean;
}

/** Returns the locations of the members of a produce request's records, for pointers in errors. */
export function bodyPlaces({ form, list, isPartitionInQuery }: BodyToPointInto): RecordPlaces {
  if (form !== 'json' && form !== 'ndjson') return VALUE_PLACES;
  return { list, beside: isPartitionInQuery ? { '/partition': '?partition' } : {} };
}
