/**
 * Returns the acceptable offers of a `Sec-WebSocket-Extensions` header. All others are declined by
 * ignoring them (RFC 7692, section 5): other extensions, and parameters that are unknown, repeated
 * or have a wrong value. A window size for the server is declined as well, because frames are
 * compressed once for all connections.
 */
export function acceptedOffers(header: string): string {
  return header
    .split(',')
    .filter((offer) => isAccepted(offer))
    .join(',');
}

const WITHOUT_VALUE = ['server_no_context_takeover', 'client_no_context_takeover'];
const WINDOW_BITS = /^"?([89]|1[0-5])"?$/;

function isAccepted(offer: string): boolean {
  const [name, ...parameters] = offer.split(';').map((part) => part.trim());
  if (name !== 'permessage-deflate') return false;
  const seen = new Set<string>();
  return parameters.every((parameter) => {
    const [key = '', value] = parameter.split('=', 2).map((part) => part.trim());
    if (seen.has(key)) return false;
    seen.add(key);
    if (WITHOUT_VALUE.includes(key)) return value === undefined;
    return key === 'client_max_window_bits' && (value === undefined || WINDOW_BITS.test(value));
  });
}
