export interface BannerFacts {
  readonly url: string;
  readonly dataDir: string;
  readonly durability: 'fsync' | 'os';
}

const DURABILITY = {
  fsync: 'acknowledged after fdatasync',
  os: 'acknowledged after write: a power cut may lose records',
};

/**
 * The text that a start prints on standard output: addresses, and three commands that work when
 * pasted.
 */
export function banner({ url, dataDir, durability }: BannerFacts): string {
  return `
  Sluice   ${url}   try it: ${url}/try   docs: ${url}/docs
  data     ${dataDir}
  writes   ${durability}: ${DURABILITY[durability]}

  curl ${url}/v1/topics -H 'content-type: application/json' -d '{"name": "hello"}'
  curl ${url}/v1/topics/hello/records -d 'hello, log'
  curl '${url}/v1/topics/hello/partitions/0/records?offset=earliest'
`;
}
