/**
 * The rules for one name in the bits of a number: each operation has a bit for `allow` and a bit
 * for `deny`. All decisions about implied operations are made here.
 */
import { ACL_OPERATIONS, type Acl, type AclOperation } from './acl.js';

/** The operations that imply another one: who may read may describe. A `deny` implies nothing. */
const IMPLIED_BY: Partial<Record<AclOperation, readonly AclOperation[]>> = {
  Describe: ['Read', 'Write', 'Delete', 'Alter'],
  DescribeConfigs: ['AlterConfigs'],
};

function allowBit(operation: Acl['operation']): number {
  return 1 << ACL_OPERATIONS.indexOf(operation);
}

function denyBit(operation: Acl['operation']): number {
  return allowBit(operation) << ACL_OPERATIONS.length;
}

function bitsByOperation(bits: (operation: AclOperation) => number): Record<AclOperation, number> {
  const operations = ACL_OPERATIONS.filter((operation) => operation !== 'All');
  const entries = operations.map((operation) => [operation, bits(operation)]);
  return Object.fromEntries(entries) as Record<AclOperation, number>;
}

/** The bits of the rules that allow an operation. */
export const ALLOWING = bitsByOperation((operation) => {
  const implying = IMPLIED_BY[operation] ?? [];
  return [operation, ...implying].reduce((bits, one) => bits | allowBit(one), allowBit('All'));
});

/** The bits of the rules that deny an operation. */
export const DENYING = bitsByOperation((operation) => denyBit(operation) | denyBit('All'));

/** The bit of a rule. */
export function bitOf({ operation, permission }: Pick<Acl, 'operation' | 'permission'>): number {
  return permission === 'allow' ? allowBit(operation) : denyBit(operation);
}

/** The operations and permissions whose bits are set. */
export function* rulesOf(bits: number): Generator<Pick<Acl, 'operation' | 'permission'>> {
  for (const operation of ACL_OPERATIONS) {
    if ((bits & allowBit(operation)) !== 0) yield { operation, permission: 'allow' };
    if ((bits & denyBit(operation)) !== 0) yield { operation, permission: 'deny' };
  }
}
