import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { AUTH_ON, asRoot, bearer, keyWith, ROOT_KEY, type TestKey } from '../security/keys.js';
import { GatewayProcess } from '../support/gateway.js';
import { RawSocket, upgradeRequest } from '../ws/raw-socket.js';
import { SeededRandom } from './seeded-random.js';
import { type FrameCase, frameCase } from './socket-frames.js';

/** Another run: `SLUICE_FUZZ_SEED=7 SLUICE_FUZZ_FRAMES=100000`. */
const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? 20_261_130);
const FRAMES = Number(process.env['SLUICE_FUZZ_FRAMES'] ?? 40_000);
const CONNECTIONS = 16;
const PING = { event: 'ping', id: 'the last one', data: {} };

let gateway: GatewayProcess;
let powerless: TestKey;

beforeAll(async () => {
  gateway = await GatewayProcess.start(AUTH_ON);
  await asRoot(gateway, 'POST', '/v1/topics', { name: 'orders', partitions: 1 });
  await asRoot(gateway, 'POST', '/v1/topics/orders/records', { value: 'secret record' });
  powerless = await keyWith(gateway, []);
});

afterAll(() => gateway.dispose());

test.each([
  ['before a credential', () => ({}), ['error']],
  ['of a caller without permissions', () => bearer(powerless.key), ['error', 'pong']],
])(
  'no frames %s do anything, or end the process',
  {
    timeout: 60_000 + FRAMES * 20,
  },
  async (_, headersOf, answers) => {
    onTestFailed(() => {
      console.error(`seed ${SEED}`, gateway.logLines.slice(-10).join('\n'));
    });
    const random = new SeededRandom(SEED);
    const counts = { frames: 0, answers: 0 };
    const lane = async (): Promise<void> => {
      while (counts.frames < FRAMES / 2) {
        // A key with another secret than its own.
        const played = frameCase(random, `${powerless.id}.${'x'.repeat(43)}`);
        counts.frames += played.frames.length;
        for (const { event, text } of await play(played, headersOf())) {
          counts.answers += 1;
          expect(answers, `seed ${SEED}: ${text}`).toContain(event);
        }
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, lane));
    expect(counts.answers).toBeGreaterThan(counts.frames / 4);
    const errors = gateway.log.filter((line) => line['level'] === 'error');
    expect(errors.slice(0, 3), `seed ${SEED}`).toEqual([]);
    const records = await fetch(`${gateway.url}/v1/topics/orders/partitions/0/records`, {
      headers: bearer(ROOT_KEY),
    });
    expect(await records.json()).toMatchObject({ records: [{ value: 'secret record' }] });
  },
);

interface Answer {
  readonly event: unknown;
  readonly text: string;
}

/** Sends the frames of a connection, and returns the answers to them. */
async function play(
  { frames, isFramed }: FrameCase,
  headers: Readonly<Record<string, string>>,
): Promise<readonly Answer[]> {
  const socket = await RawSocket.connect(gateway.url, { allowHalfOpen: true });
  socket.tcp.write(upgradeRequest(headers));
  await socket.until(() => socket.received.includes('\r\n\r\n'));
  expect(socket.received.toString('latin1', 0, 12)).toBe('HTTP/1.1 101');
  for (const frame of frames) socket.tcp.write(frame);
  if (isFramed) {
    socket.sendText(JSON.stringify(PING));
    const isAnswered = () => socket.texts().some((text) => text.includes(PING.id));
    await socket.until(() => isAnswered() || socket.closeCode !== undefined);
  }
  socket.tcp.end();
  await socket.finished;
  const answers = socket.texts().map((text) => ({ ...(JSON.parse(text) as Answer), text }));
  socket.destroy();
  return answers;
}
