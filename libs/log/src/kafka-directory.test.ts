import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Log } from './log.js';
import {
  type DirectoryFiles,
  fixtureFiles,
  fixturePath,
  placeFixture,
  writeGoldenDirectory,
} from './testing/golden-directory.js';
import { FakeBroker, readAll, testLog } from './testing/log-fixture.js';

const GOLDEN = 'sluice/orders-0';

describe('a partition directory in the form of Kafka', () => {
  it('is written byte for byte as Kafka 4 was seen to accept it', async () => {
    const written = await writeGoldenDirectory();
    // Before changed bytes are kept, `node test/interop/kafka/kafka-interop.mjs` must accept them.
    if (process.env['WRITE_GOLDEN'] === 'true') replaceGolden(written);
    const golden = await fixtureFiles(GOLDEN);
    expect([...written.keys()]).toEqual([...golden.keys()]);
    for (const [name, content] of golden) {
      expect(written.get(name)?.equals(content), name).toBe(true);
    }
  });

  it.each(['none', 'gzip'])('reads what Kafka wrote with the codec %s', async (codec) => {
    const values = (await readAll(await logFrom(`kafka/codec-${codec}-0`))).map(
      ([, value]) => value,
    );
    expect(values.slice(0, 3)).toEqual(
      [0, 1, 2].map((number) => JSON.stringify({ codec, number })),
    );
    if (codec === 'none') return;
    for (const i of [3, 4, 5]) {
      const part = `${codec} ${i} `;
      expect(values[i] === part.repeat(100_000 / (codec.length + 3)), `record ${i}`).toBe(true);
    }
  });
});

/** The log of a broker that finds the fixture in its data directory. */
async function logFrom(fixture: string): Promise<Log> {
  const broker = new FakeBroker();
  const manager = await broker.open();
  await testLog(manager);
  await manager.close();
  await placeFixture(broker, fixture);
  const log = await testLog(await broker.open());
  log.updateHighWatermark(log.syncedEndOffset);
  return log;
}

function replaceGolden(files: DirectoryFiles): void {
  const directory = fixturePath(GOLDEN);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of files) writeFileSync(`${directory}/${name}`, content);
}
