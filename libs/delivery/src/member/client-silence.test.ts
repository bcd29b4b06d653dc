import { describe, expect, it } from 'vitest';
import { ClientSilence } from './client-silence.js';

const SESSION_MS = 900;
const LOOK_MS = 256;

function watched() {
  const client = { signs: 0, probes: 0, lifeSigns: () => client.signs, probe: () => {}, drop() {} };
  client.probe = () => {
    client.probes += 1;
  };
  return { client, silence: new ClientSilence(client) };
}

describe('the silence of a client', () => {
  it('ends a session without a sign of life, after a probe from half of it on', () => {
    const { client, silence } = watched();
    expect(silence.isOver(LOOK_MS, SESSION_MS)).toBe(false);
    expect(client.probes).toBe(0);
    expect(silence.isOver(LOOK_MS, SESSION_MS)).toBe(false);
    expect(client.probes).toBe(1);
    expect(silence.isOver(LOOK_MS, SESSION_MS)).toBe(false);
    expect(silence.isOver(LOOK_MS, SESSION_MS)).toBe(true);
  });

  it('begins again with each sign of life', () => {
    const { client, silence } = watched();
    for (let look = 0; look < 20; look += 1) {
      if (look % 3 === 0) client.signs += 1;
      expect(silence.isOver(LOOK_MS, SESSION_MS)).toBe(false);
    }
  });
});
