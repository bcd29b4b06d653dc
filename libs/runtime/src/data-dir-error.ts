/**
 * The reason why a data directory cannot be used; its owner has to act. A request is never the
 * cause.
 */
export type DataDirFault =
  /** It belongs to another cluster or broker. */
  | 'foreign'
  /** A file in it is damaged or missing. */
  | 'damaged'
  /** A later version of this program has written it. */
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
