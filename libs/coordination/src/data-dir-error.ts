/** Why a data directory cannot be used; its owner has to act. Never the fault of a request. */
export type DataDirFault =
  /** It belongs to another cluster or broker. */
  | 'foreign'
  /** A file of it is damaged or half missing. */
  | 'damaged'
  /** It was written by a later version of this program. */
  | 'newer-format';

/**
 * A data directory that this broker must not start on. The message is one line for its operator.
 */
export class DataDirError extends Error {
  override readonly name = 'DataDirError';
  readonly fault: DataDirFault;

  constructor(fault: DataDirFault, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.fault = fault;
  }
}
