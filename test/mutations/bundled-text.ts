/** Path of the built gateway's files. */
export const BUILT = 'dist/apps/gateway';

/** Returns a text of the sources as the bundler writes it: with double quotes and `void 0`. */
export function bundledText(text: string): string {
  return text.replaceAll("'", '"').replaceAll('undefined', 'void 0');
}
