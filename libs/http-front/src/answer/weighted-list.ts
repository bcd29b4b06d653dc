/**
 * Parses a header that lists alternatives with weights, such as `Accept` (RFC 9110, section
 * 12.4.2).
 * @returns the weight of each alternative, in lower case; NaN where it is not a number
 */
export function parseWeights(header: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const part of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    weights.set(name, weight === undefined ? 1 : Number(weight));
  }
  return weights;
}
