/**
 * The server of the AsyncAPI document.
 * @param url what clients call the gateway by over HTTP
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
