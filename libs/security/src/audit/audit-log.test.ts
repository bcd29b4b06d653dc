import { describe, expect, it } from 'vitest';
import type { Caller } from '../caller.js';
import { type AuditLine, AuditLog } from './audit-log.js';

const SECRET_HASH = 'f'.repeat(64);
const CALLER: Caller = {
  principal: 'key:team-a',
  groups: [],
  isSuperUser: false,
  credential: { kind: 'key', id: 'team-a', secretHash: SECRET_HASH },
  expiresAtMs: null,
};

describe('the audit log', () => {
  it('says who did what to which resource, from where, and that it was done', () => {
    const { log, lines } = writing();
    const resources = ['topic:orders'];
    log.add(
      { caller: CALLER, address: '192.0.2.1', operation: 'deleteTopic', resources },
      'done',
      204,
    );
    expect(lines).toEqual([
      {
        principal: 'key:team-a',
        credential: 'key team-a',
        address: '192.0.2.1',
        operation: 'deleteTopic',
        resources: ['topic:orders'],
        result: 'done',
        status: 204,
      },
    ]);
    expect(JSON.stringify(lines)).not.toContain(SECRET_HASH);
  });

  it('has the status of a refusal, and nobody for a credential that was not accepted', () => {
    const { log, lines } = writing();
    const use = { caller: undefined, address: '192.0.2.1', operation: 'produce', resources: [] };
    log.add(use, 'refused', 401);
    expect(lines[0]).toMatchObject({
      principal: null,
      credential: 'not accepted',
      result: 'refused',
      status: 401,
    });
  });

  it('a line has a bound, whatever a client names', () => {
    const { log, lines } = writing();
    const resources = Array.from({ length: 1000 }, () => `topic:${'x'.repeat(100_000)}`);
    const address = 'a'.repeat(100_000);
    log.add({ caller: CALLER, address, operation: 'commit', resources }, 'done', 204);
    expect(JSON.stringify(lines[0]).length).toBeLessThan(8000);
    expect(lines[0]).toMatchObject({ moreResources: 980 });
  });
});

function writing() {
  const lines: AuditLine[] = [];
  return { log: new AuditLog({ lostTotal: 0, write: (line) => lines.push(line) }), lines };
}
