/**
 * Holds a history of a cluster run against the invariants (docs/INVARIANTS.md), and prints counts.
 *
 *     node --import jiti/register test/cluster/check-history.ts <history.jsonl> [--json]
 *
 * Exit code 0: no invariant is broken; 1: one is; 2: the file is not a whole history.
 */
import { readFileSync } from 'node:fs';

const SHOWN_MAX = 10;

/** The meaning of each violation, by the name that is printed. */
const VIOLATIONS = {
  lost: 'acknowledged, and not in the log in the end',
  duplicated: 'in the log twice',
  moved: 'two values at one offset, or one value at two, over time, readers and brokers',
  ghosts: 'in the log, and answered `failed`, or never sent',
  reordered: "a producer's later acknowledged record has a lower offset",
  skipped: 'a reader skipped, repeated or went back',
  holes: 'offsets in the log are not dense',
  spurious: 'an answer has an offset that is none',
};

type Violation = keyof typeof VIOLATIONS;

interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** The fate of a sent value: its place once it is acknowledged. */
type Fate = 'sent' | 'failed' | 'unknown' | Place;

/** The events of a history (see history.ts), by name. */
interface Events {
  start: { readonly partitions: number };
  produce: { readonly values: readonly string[] };
  acknowledged: {
    readonly client: string;
    readonly atMs: number;
    readonly values: readonly string[];
    readonly places: readonly (Place | null)[];
  };
  refused: { readonly values: readonly string[]; readonly outcome: string };
  read: Place & { readonly reader: string; readonly value: string };
  disturbed: object;
  fault: Fault;
  final: Place & { readonly broker: string; readonly value: string };
  end: object;
}

interface Fault {
  readonly atMs: number;
  readonly what: string;
}

type HistoryEvent = { [K in keyof Events]: Events[K] & { readonly event: K } }[keyof Events];

type Handlers = { readonly [K in keyof Events]: (event: Events[K]) => void };

/** The log that one broker shows at the end of a run. */
interface FinalLog {
  /** Place of each value. */
  readonly values: Map<string, string>;
  /** Offset that must come next, by partition. */
  readonly next: Map<number, number>;
}

interface Unavailability {
  readonly longestMs: number;
  readonly partition: number | null;
  readonly fromMs: number;
  readonly after: string | null;
}

function checkHistory(events: Iterable<HistoryEvent>): Run {
  const run = new Run();
  for (const event of events) run.take(event);
  run.finish();
  return run;
}

class Run {
  counts = { sent: 0, acknowledged: 0, unknown: 0, failed: 0, read: 0, disturbed: 0 };
  readonly violations = Object.fromEntries(
    Object.keys(VIOLATIONS).map((name) => [name, [] as string[]]),
  ) as Record<Violation, string[]>;
  unavailability: Unavailability = { longestMs: 0, partition: null, fromMs: 0, after: null };
  isWhole = false;
  #partitions = 0;
  /** Fate of each value. */
  readonly #fates = new Map<string, Fate>();
  /** "partition@offset" -> value, of all that anybody was ever told */
  readonly #told = new Map<string, string>();
  /** value -> "partition@offset", likewise */
  readonly #places = new Map<string, string>();
  /** "client/partition" -> last acknowledged offset */
  readonly #clientOffsets = new Map<string, number>();
  /** "reader/partition" -> offset that it must be shown next */
  readonly #readerNext = new Map<string, number>();
  /** Log that each broker shows in the end. */
  readonly #finals = new Map<string, FinalLog>();
  readonly #acknowledgedAtMs = new Map<number, number>();
  readonly #faults: Fault[] = [];

  take(event: HistoryEvent): void {
    const handler = this.#handlers[event.event] as ((taken: HistoryEvent) => void) | undefined;
    if (handler === undefined) throw new Error(`unknown event: ${JSON.stringify(event)}`);
    handler(event);
  }

  finish(): void {
    for (const [value, fate] of this.#fates) {
      if (fate === 'sent' || fate === 'unknown') this.counts.unknown += 1;
      if (typeof fate === 'string') continue;
      const place = placeName(fate);
      for (const [broker, final] of this.#finals) {
        if (final.values.get(value) === place) continue;
        this.#found('lost', `${value}, acknowledged at ${place}, at broker ${broker}`);
      }
    }
    if (this.#finals.size === 0) this.isWhole = false;
  }

  readonly #handlers: Handlers = {
    start: ({ partitions }) => {
      this.#partitions = partitions;
    },
    produce: ({ values }) => {
      for (const value of values) {
        this.#fates.set(value, 'sent');
        this.counts.sent += 1;
      }
    },
    acknowledged: (event) => {
      for (const [index, value] of event.values.entries()) {
        this.#acknowledge(event, value, event.places[index] ?? null);
      }
    },
    refused: ({ values, outcome }) => {
      for (const value of values) {
        this.#fates.set(value, outcome === 'failed' ? 'failed' : 'unknown');
        if (outcome === 'failed') this.counts.failed += 1;
      }
    },
    read: ({ reader, value, ...place }) => {
      this.counts.read += 1;
      const key = `${reader}/${place.partition}`;
      const next = this.#readerNext.get(key) ?? 0;
      if (place.offset !== next) {
        this.#found('skipped', `${reader} was shown ${placeName(place)} for offset ${next}`);
      }
      this.#readerNext.set(key, place.offset + 1);
      this.#tell(value, place, reader);
    },
    disturbed: () => {
      this.counts.disturbed += 1;
    },
    fault: ({ atMs, what }) => {
      this.#faults.push({ atMs, what });
    },
    final: ({ broker, value, ...place }) => {
      this.#final(broker, value, place);
    },
    end: () => {
      this.isWhole = true;
    },
  };

  #acknowledge({ client, atMs }: Events['acknowledged'], value: string, place: Place | null): void {
    if (!this.#isPlace(place)) {
      this.#found('spurious', `${value} was acknowledged at ${JSON.stringify(place)}`);
      return;
    }
    this.counts.acknowledged += 1;
    this.#fates.set(value, place);
    this.#tell(value, place, client);
    const key = `${client}/${place.partition}`;
    const last = this.#clientOffsets.get(key) ?? -1;
    if (place.offset <= last) {
      this.#found('reordered', `${client}: ${value} at ${placeName(place)} came after ${last}`);
    }
    this.#clientOffsets.set(key, place.offset);
    this.#measure(place.partition, atMs);
  }

  /** The longest time in which nothing was acknowledged in a partition, and the fault before it. */
  #measure(partition: number, atMs: number): void {
    const beforeMs = this.#acknowledgedAtMs.get(partition);
    this.#acknowledgedAtMs.set(partition, atMs);
    if (beforeMs === undefined || atMs - beforeMs <= this.unavailability.longestMs) return;
    // Requests sent before the fault may be answered after it.
    const after = this.#faults.findLast((fault) => fault.atMs <= atMs)?.what ?? null;
    this.unavailability = { longestMs: atMs - beforeMs, partition, fromMs: beforeMs, after };
  }

  #final(broker: string, value: string, place: Place): void {
    let final = this.#finals.get(broker);
    if (final === undefined) {
      final = { values: new Map(), next: new Map() };
      this.#finals.set(broker, final);
    }
    const name = placeName(place);
    const next = final.next.get(place.partition) ?? 0;
    if (place.offset !== next) {
      this.#found('holes', `broker ${broker} shows ${name} after offset ${next - 1}`);
    }
    final.next.set(place.partition, place.offset + 1);
    if (final.values.has(value)) {
      this.#found('duplicated', `${value} at ${final.values.get(value)} and ${name}`);
    }
    final.values.set(value, name);
    const fate = this.#fates.get(value);
    if (fate === undefined) this.#found('ghosts', `${value} at ${name} was never sent`);
    if (fate === 'failed') this.#found('ghosts', `${value} at ${name} was answered "failed"`);
    this.#tell(value, place, `broker ${broker}`);
  }

  #tell(value: string, place: Place, by: string): void {
    const name = placeName(place);
    const there = this.#told.get(name);
    if (there !== undefined && there !== value) {
      this.#found('moved', `${by} says ${value} at ${name}, where ${there} was`);
    }
    this.#told.set(name, value);
    const before = this.#places.get(value);
    if (before !== undefined && before !== name) {
      this.#found('moved', `${by} says ${value} at ${name}, which was at ${before}`);
    }
    this.#places.set(value, name);
  }

  #isPlace(place: Place | null): place is Place {
    return (
      place !== null &&
      Number.isSafeInteger(place.offset) &&
      place.offset >= 0 &&
      Number.isSafeInteger(place.partition) &&
      place.partition >= 0 &&
      place.partition < this.#partitions
    );
  }

  #found(kind: Violation, what: string): void {
    this.violations[kind].push(what);
  }
}

function placeName({ partition, offset }: Place): string {
  return `${partition}@${offset}`;
}

function report({ counts, violations, unavailability, isWhole }: Run): string {
  const lines = [
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join('   '),
    Object.entries(violations)
      .map(([name, found]) => `${name} ${found.length}`)
      .join('   '),
  ];
  const { longestMs, partition, fromMs, after } = unavailability;
  const cause = after === null ? '' : `, after: ${after}`;
  lines.push(
    `longest unavailability ${longestMs} ms (partition ${partition}, from ${fromMs} ms${cause})`,
  );
  for (const [name, found] of Object.entries(violations)) {
    if (found.length > 0) lines.push('', `${name}: ${VIOLATIONS[name as Violation]}`);
    for (const what of found.slice(0, SHOWN_MAX)) lines.push(`  ${what}`);
    if (found.length > SHOWN_MAX) lines.push(`  and ${found.length - SHOWN_MAX} more`);
  }
  if (!isWhole) lines.push('', 'the history is not whole: the run did not get to its end');
  return lines.join('\n');
}

function main([path, ...options]: readonly string[]): number {
  if (path === undefined) {
    process.stderr.write(
      'usage: node --import jiti/register test/cluster/check-history.ts <history.jsonl> [--json]\n',
    );
    return 2;
  }
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const run = checkHistory(lines.map((line) => JSON.parse(line) as HistoryEvent));
  const { counts, violations, unavailability, isWhole } = run;
  const isJson = options.includes('--json');
  const found = { counts, violations, unavailability, isWhole };
  process.stdout.write(`${isJson ? JSON.stringify(found) : report(run)}\n`);
  if (Object.values(violations).some((list) => list.length > 0)) return 1;
  return isWhole ? 0 : 2;
}

process.exitCode = main(process.argv.slice(2));
