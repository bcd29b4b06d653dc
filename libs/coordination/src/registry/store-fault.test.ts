import { expect, it } from 'vitest';
import { RegistryAwayError, RegistryRefusedError } from '../registry-errors.js';
import { storeFaultOf } from './store-fault.js';

it.each([
  [
    "OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:4.",
    'out-of-memory',
  ],
  [
    'ERR Error running script (call to f_1f): @user_script:4: -OOM command not allowed',
    'out-of-memory',
  ],
  ["READONLY You can't write against a read only replica.", 'read-only'],
  ['NOAUTH Authentication required.', 'no-credentials'],
  ['WRONGPASS invalid username-password pair or user is disabled.', 'no-credentials'],
  ["NOPERM User ann has no permissions to run the 'eval' command", 'no-permission'],
  [
    "ERR The user executing the script can't run this command or subcommand script: 1f",
    'no-permission',
  ],
  ['LOADING Redis is loading the dataset in memory', 'loading'],
  ['MISCONF Redis is configured to save RDB snapshots, but', 'cannot-save'],
  ['CLUSTERDOWN Hash slot not served', 'cluster-down'],
  ['NOREPLICAS Not enough good replicas to write.', 'too-few-replicas'],
  ['ERR max number of clients reached', 'too-many-clients'],
  ['BUSY Redis is busy running a script.', 'busy'],
])('the reply "%s" is classified as %s', (message, reason) => {
  const refused = new RegistryRefusedError(message, { cause: new Error(message) });
  expect(storeFaultOf(refused)).toMatchObject({ reason });
  expect(storeFaultOf(new RegistryAwayError(false, new Error(message)))).toMatchObject({ reason });
});

it('other errors are classified as away or refused', () => {
  for (const error of [
    undefined,
    'text',
    new Error('connect ECONNREFUSED'),
    new Error('BUSYGROUP x'),
  ]) {
    expect(storeFaultOf(error).reason).toBe('away');
    expect(storeFaultOf(error, 'refused').reason).toBe('refused');
  }
});
