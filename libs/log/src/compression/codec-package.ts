import { createRequire } from 'node:module';
import { ProtocolError } from '#protocol';

const requirePackage = createRequire(import.meta.url);

/**
 * A package that unpacks one codec, loaded when the first batch needs it: most brokers never need
 * one.
 * @throws ProtocolError UNSUPPORTED_COMPRESSION_TYPE from `load` when the package is not installed
 *   (npm leaves out a native one that has no build for the machine)
 */
export class CodecPackage<Exports> {
  #exports: Exports | undefined;
  readonly #name: string;
  readonly #codec: string;

  constructor(name: string, codec: string) {
    this.#name = name;
    this.#codec = codec;
  }

  load(): Exports {
    this.#exports ??= this.#require();
    return this.#exports;
  }

  #require(): Exports {
    try {
      return requirePackage(this.#name) as Exports;
    } catch (cause) {
      throw new ProtocolError(
        'UNSUPPORTED_COMPRESSION_TYPE',
        `A batch is compressed with ${this.#codec}, and the package "${this.#name}" that unpacks it ` +
          'is not installed on this broker.',
        { cause },
      );
    }
  }
}
