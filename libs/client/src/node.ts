/** The entry `sluice-client/node`: what only programs on Node.js can use. */
export { nodeFetch, type TlsFiles } from './node/node-fetch.js';
