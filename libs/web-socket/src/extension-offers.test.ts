import { expect, test } from 'vitest';
import { acceptedOffers } from './extension-offers.js';

test.each([
  ['permessage-deflate', 'permessage-deflate'],
  ['permessage-deflate; client_max_window_bits', 'permessage-deflate; client_max_window_bits'],
  [
    'permessage-deflate; client_max_window_bits="12"',
    'permessage-deflate; client_max_window_bits="12"',
  ],
  ['permessage-deflate; foo=1', ''],
  ['permessage-deflate; foo=1, permessage-deflate', ' permessage-deflate'],
  ['permessage-deflate; server_max_window_bits=10', ''],
  ['permessage-deflate; client_max_window_bits=7', ''],
  ['permessage-deflate; server_no_context_takeover=1', ''],
  ['permessage-deflate; client_max_window_bits; client_max_window_bits', ''],
  ['x-webkit-deflate-frame', ''],
  ['', ''],
])('offers %j reduce to %j', (header, accepted) => {
  expect(acceptedOffers(header)).toBe(accepted);
});
