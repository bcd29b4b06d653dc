/**
 * Returns the server of the AsyncAPI document.
 * @param url public HTTP URL of the gateway
 */
export function serverObject(url: string): object {
  const { protocol, host, pathname } = new URL(url);
  return {
    host,
    ...(pathname === '/' ? {} : { pathname }),
    protocol: protocol === 'https:' ? 'wss' : 'ws',
    description: 'The gateway that answered.',
  };
}
