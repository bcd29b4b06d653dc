import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/** Addresses of `X-Forwarded-For` that are read: a client can send any number of them. */
const FORWARDED_MAX = 32;
const GROUPS_OF_IPV6 = 8;
/** Groups that a network gives to one customer: a /64. */
const GROUPS_OF_BLOCK = 4;

/** Finds the address of a client behind proxies. */
export class TrustedProxies {
  readonly #proxies = new BlockList();
  readonly #isEmpty: boolean;

  /**
   * @param ranges addresses, or ranges such as `10.0.0.0/8`, of the proxies whose headers count
   * @throws Error if one of them is neither
   */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) this.#add(range);
    this.#isEmpty = ranges.length === 0;
  }

  /**
   * Returns the address of the client: the last one that no trusted proxy has.
   * @param peer address of the connection
   * @param forwardedFor the header `X-Forwarded-For`, in the order in which proxies extended it
   */
  clientAddress(peer: string, forwardedFor: string | undefined): string {
    const address = withoutMapping(peer);
    if (this.#isEmpty || forwardedFor === undefined) return address;
    let client = address;
    const hops = forwardedFor.split(',').slice(-FORWARDED_MAX);
    while (this.#isTrusted(client)) {
      const hop = withoutMapping(hops.pop()?.trim() ?? '');
      // A proxy that names no address is the last one that is known.
      if (isIP(hop) === 0) return client;
      client = hop;
    }
    return client;
  }

  #isTrusted(address: string): boolean {
    return this.#proxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }

  #add(range: string): void {
    const [address = '', prefix, ...rest] = range.split('/');
    const version = isIP(address);
    const bits = prefix === undefined ? (version === 4 ? 32 : 128) : wholeNumber(prefix);
    if (version === 0 || rest.length > 0 || bits > (version === 4 ? 32 : 128)) {
      throw new Error(`${JSON.stringify(range)} is neither an address nor a range of addresses`);
    }
    this.#proxies.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
  }
}

/**
 * Returns the block of addresses that one client may choose from: the address itself in IPv4, and
 * the /64 in IPv6.
 */
export function addressBlock(address: string): string {
  const plain = withoutMapping(address);
  if (!isIPv6(plain)) return plain;
  const [withoutZone = ''] = plain.split('%', 1);
  const [before = '', after] = withoutZone.toLowerCase().split('::', 2);
  const head = before === '' ? [] : before.split(':');
  const tail = after === undefined || after === '' ? [] : after.split(':');
  const zeros = Math.max(0, GROUPS_OF_IPV6 - head.length - tail.length);
  const groups = [...head, ...Array.from({ length: zeros }, () => '0'), ...tail];
  const block = groups.slice(0, GROUPS_OF_BLOCK).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${block.join(':')}::/64`;
}

/** Returns the IPv4 address in an IPv6 address that stands for one. */
function withoutMapping(address: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  return mapped !== undefined && isIPv4(mapped) ? mapped : address;
}

function wholeNumber(text: string): number {
  return /^\d{1,3}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}
