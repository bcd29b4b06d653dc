import supertest from 'supertest';
import { describe, expect, onTestFinished, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { until } from '../support/until.js';

const MIB = 1024 * 1024;
const RECORD = 'x'.repeat(100_000);

describe('a gateway whose disk is full', () => {
  test('it reports this in health and metrics, serves reads, starts, and accepts records when there is space', async ({
    skip,
  }) => {
    const disk = mountSmallDisk(8 * MIB);
    if (disk === undefined) {
      skip('no right to mount a file system');
      return;
    }
    const gateway = await GatewayProcess.start({
      SLUICE_DATA_DIR: disk,
      SLUICE_DISK_RESERVE_BYTES: String(MIB),
    });
    onTestFinished(() => gateway.dispose());
    const client = new Client(gateway);
    await client.expectDisk({ isFull: false, reserveBytes: MIB });
    await client.http
      .post('/v1/topics')
      .send({ name: 'orders', configs: { 'segment.bytes': MIB } })
      .expect(201);

    const taken = await client.fill();
    await client.expectFull(taken);
    await gateway.kill();
    await gateway.start();
    await client.expectFull(taken);

    await client.http
      .delete(`/v1/topics/orders/partitions/0/records?beforeOffset=${taken - 5}`)
      .expect(200);
    await until('the disk has space again', async () => {
      await client.expectDisk({ isFull: false, reserveBytes: MIB });
      return true;
    });
    await client.produce().expect(200);
  });
});

class Client {
  readonly #gateway: GatewayProcess;

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
  }

  get http(): ReturnType<typeof supertest> {
    return supertest(this.#gateway.url);
  }

  produce(): supertest.Test {
    return this.http
      .post('/v1/topics/orders/records')
      .set('Content-Type', 'text/plain')
      .send(RECORD);
  }

  /** Produces until the disk is full; returns the number of accepted records. */
  async fill(): Promise<number> {
    for (let taken = 0; ; taken += 1) {
      const { status, body } = await this.produce();
      if (status === 200) continue;
      expect(status).toBe(507);
      expect(body).toMatchObject({
        code: 'KAFKA_STORAGE_ERROR',
        outcome: 'failed',
        retriable: true,
        detail: 'The disk is full: nothing was written.',
      });
      return taken;
    }
  }

  /** Records are refused and health reports it; every accepted record can be read. */
  async expectFull(taken: number): Promise<void> {
    await this.produce().expect(507);
    await this.expectDisk({ isFull: true });
    const path = `/v1/topics/orders/partitions/0/records?offset=${taken - 1}`;
    const { body } = await this.http.get(path).expect(200);
    expect(body).toMatchObject({ records: [{ value: RECORD }], highWatermark: taken });
  }

  async expectDisk(expected: { isFull: boolean; reserveBytes?: number }): Promise<void> {
    const { body } = await this.http.get('/health/ready').expect(200);
    const status = expected.isFull ? 'degraded' : 'ok';
    const reason = expected.isFull ? expect.stringContaining('The disk is full') : null;
    expect(body).toMatchObject({ status, checks: { disk: { status, reason } } });
    const { text } = await this.http.get('/metrics').expect(200);
    expect(text).toContain(`sluice_disk_full ${Number(expected.isFull)}\n`);
    if (expected.reserveBytes === undefined) return;
    expect(body).toMatchObject({ checks: { disk: { reserveBytes: expected.reserveBytes } } });
    expect(text).toContain(`sluice_disk_reserve_bytes ${expected.reserveBytes}\n`);
  }
}
