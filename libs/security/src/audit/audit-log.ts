import type { Caller } from '../caller.js';

/** Longest text in a line, in characters: names are logged before they are checked. */
const TEXT_LENGTH_MAX = 300;
/** Resources that one line names; further ones are only counted. */
const RESOURCES_MAX = 20;

/** One use of Sluice that an operator may have to explain later. */
export interface AuditedUse {
  /** Undefined if the credential identified nobody. */
  readonly caller: Caller | undefined;
  /** Address of the client. */
  readonly address: string;
  /** The operation or message, by its id in the documents. */
  readonly operation: string;
  /** The topics, groups, keys or principals that it is about, as `<type>:<name>`. */
  readonly resources: readonly string[];
}

/** The result of a use: it was done, was refused for lack of a permission, or failed. */
export type AuditResult = 'done' | 'refused' | 'failed';

/** A line of the audit log; the writer adds the time. */
export interface AuditLine {
  readonly principal: string | null;
  /** The kind of credential, and the id of a key; never a secret. */
  readonly credential: string;
  readonly address: string;
  readonly operation: string;
  readonly resources: readonly string[];
  /** Number of resources that are not named; absent for none. */
  readonly moreResources?: number;
  readonly result: AuditResult;
  /** Status of the answer over HTTP, or the code of the error of a WebSocket message. */
  readonly status: number | string;
}

/** The place that the lines are written to, each as one JSON object. */
export interface AuditWriter {
  /** Lines that could not be written, since the start. */
  readonly lostTotal: number;
  /** Never throws: a use that cannot be logged is counted as lost. */
  write(line: AuditLine): void;
}

/**
 * The audit log: one line for every refusal and every administrative change. It says who did what
 * to which resources, from where, and with which result. It never contains a secret or a record.
 */
export class AuditLog {
  readonly #writer: AuditWriter;
  #linesTotal = 0;

  constructor(writer: AuditWriter) {
    this.#writer = writer;
  }

  /** Lines since the start, those included that could not be written. */
  get linesTotal(): number {
    return this.#linesTotal;
  }

  get lostTotal(): number {
    return this.#writer.lostTotal;
  }

  add(
    { caller, address, operation, resources }: AuditedUse,
    result: AuditResult,
    status: number | string,
  ): void {
    this.#linesTotal += 1;
    const more = resources.length - RESOURCES_MAX;
    this.#writer.write({
      principal: caller === undefined ? null : shortened(caller.principal),
      credential: caller === undefined ? 'not accepted' : credentialOf(caller),
      address: shortened(address),
      operation,
      resources: resources.slice(0, RESOURCES_MAX).map(shortened),
      ...(more > 0 ? { moreResources: more } : {}),
      result,
      status,
    });
  }
}

function credentialOf({ credential }: Caller): string {
  const { kind } = credential;
  if (kind === 'key' || kind === 'bootstrap-key') return `${kind} ${shortened(credential.id)}`;
  return kind === 'certificate' ? `certificate ${credential.fingerprint}` : kind;
}

function shortened(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX)}...`;
}
