import { type Environment, type Exit, GatewayProcess } from '../support/gateway.js';

/** A gateway that comes and goes, and clients that wait for it to come back. */
export class RestartingGateway {
  #serving: Promise<void> = Promise.resolve();
  #isEnding = false;

  private constructor(readonly process: GatewayProcess) {}

  static async start(environment: Environment): Promise<RestartingGateway> {
    return new RestartingGateway(await GatewayProcess.start(environment));
  }

  /** True once the clients must send no more. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Lets the clients end. */
  end(): void {
    this.#isEnding = true;
  }

  /** The URL, as soon as the gateway serves. */
  async url(): Promise<string> {
    await this.#serving;
    return this.process.url;
  }

  /** A call of the gateway; undefined when it broke off: what it did is not known. */
  async call(path: string, init: RequestInit): Promise<Answer | undefined> {
    const url = await this.url();
    try {
      const response = await fetch(`${url}${path}`, init);
      return { status: response.status, body: await response.json() };
    } catch {
      return undefined;
    }
  }

  /** Ends the process as told and starts it again; how it ended. */
  async restart(signal: 'SIGKILL' | 'SIGTERM', environment: Environment = {}): Promise<Exit> {
    const ended = this.process.ended();
    const serving = ended.then(() => this.process.start(environment));
    this.#serving = serving;
    this.process.signal(signal);
    await serving;
    return ended;
  }
}

/** The status and the parsed JSON of an answer. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}
