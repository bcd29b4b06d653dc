import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { Cli } from './cli-process.js';

/** A gateway for all tests of the calling file, and the command line in a home of its own. */
export class CliOnGateway {
  #gateway: GatewayProcess | undefined;
  readonly home = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  #cli: Cli | undefined;

  /** Starts the gateway before the first test, and ends it after the last one. */
  static forThisFile(): CliOnGateway {
    const setup = new CliOnGateway();
    beforeAll(async () => {
      setup.#gateway = await GatewayProcess.start();
      setup.#cli = new Cli(setup.#gateway.url, setup.home);
    });
    afterAll(async () => {
      await setup.#gateway?.dispose();
      rmSync(setup.home, { recursive: true, force: true });
    });
    return setup;
  }

  /** Writes a file in the home of the command line. @returns its path */
  file(name: string, text: string): string {
    const path = join(this.home, name);
    writeFileSync(path, text);
    return path;
  }

  get gateway(): GatewayProcess {
    if (this.#gateway === undefined) throw new Error('the gateway has not started');
    return this.#gateway;
  }

  get cli(): Cli {
    if (this.#cli === undefined) throw new Error('the gateway has not started');
    return this.#cli;
  }
}
