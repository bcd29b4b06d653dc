/** Number of buckets per power of two of microseconds: readings are exact to 1/32. */
const BUCKETS_PER_OCTAVE = 32;
const OCTAVES = 32;

/** Latencies in microseconds in buckets of a fixed relative width; adding one allocates nothing. */
export class LatencyHistogram {
  constructor() {
    this.counts = new Uint32Array(BUCKETS_PER_OCTAVE * OCTAVES);
    this.total = 0;
    this.maxMicros = 0;
  }

  /** @param {number} micros */
  add(micros) {
    const bucket = Math.floor(Math.log2(Math.max(1, micros)) * BUCKETS_PER_OCTAVE);
    const index = Math.min(bucket, this.counts.length - 1);
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.total += 1;
    if (micros > this.maxMicros) this.maxMicros = micros;
  }

  /**
   * @param {number} share from 0 to 1
   * @returns {number} milliseconds that this share of the readings did not exceed
   */
  quantileMs(share) {
    const wanted = Math.ceil(this.total * share);
    let seen = 0;
    for (let bucket = 0; bucket < this.counts.length; bucket += 1) {
      seen += this.counts[bucket] ?? 0;
      if (seen >= wanted && seen > 0) {
        return round(2 ** ((bucket + 1) / BUCKETS_PER_OCTAVE) / 1000);
      }
    }
    return 0;
  }

  summary() {
    return {
      p50: this.quantileMs(0.5),
      p90: this.quantileMs(0.9),
      p99: this.quantileMs(0.99),
      p999: this.quantileMs(0.999),
      max: round(this.maxMicros / 1000),
    };
  }
}

/** @param {number} ms */
function round(ms) {
  return Math.round(ms * 1000) / 1000;
}
