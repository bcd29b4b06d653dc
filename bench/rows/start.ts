/**
 * Time until a broker is ready: with an empty data directory, and after kill -9 while it was idle.
 */
import { cpuSecondsOf } from '../harness/cluster.js';
import { createTopic } from '../harness/http.js';
import { runJson, type Server, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowResult } from '../harness/row.js';

/** Number of starts per round: starts are short, so more of them reduce the noise. */
const STARTS_PER_ROUND = 3;

interface Started {
  readonly processorS: number;
  readonly wallS: number;
}

export const startRow: Row = {
  id: 'start',
  title: 'start of an empty broker, and again after kill -9',
  async run(context) {
    const bare: number[] = [];
    const empty: Started[] = [];
    const killed: Started[] = [];
    for (let k = 0; k < context.rounds * STARTS_PER_ROUND; k += 1) {
      context.progress(`start: ${k + 1} of ${context.rounds * STARTS_PER_ROUND}`);
      bare.push(await bareProcessorS());
      await withTempDir(async (dataDir) => {
        const first = await startGateway({ dataDir });
        empty.push(await startedOf(first));
        await createTopic(first, 'idle', { partitions: 8 });
        await produceOne(first);
        await first.stop('SIGKILL');
        const second = await startGateway({ dataDir });
        killed.push(await startedOf(second));
        await second.stop();
      });
    }
    return [
      result('start, empty data directory', empty, median(bare)),
      result('start after kill -9 of an idle broker', killed, median(bare)),
    ];
  },
};

/** Processor time of a Node.js process that does nothing. */
async function bareProcessorS(): Promise<number> {
  const script = 'console.log(JSON.stringify(process.cpuUsage()))';
  const { user, system } = await runJson<NodeJS.CpuUsage>('server', ['-e', script]);
  return (user + system) / 1e6;
}

async function startedOf(server: Server): Promise<Started> {
  return { processorS: await cpuSecondsOf(server.pid), wallS: server.startedInMs / 1000 };
}

async function produceOne({ url }: Server): Promise<void> {
  const answer = await fetch(`${url}/v1/topics/idle/records`, { method: 'POST', body: 'one' });
  if (!answer.ok) throw new Error(`the record was answered with ${answer.status}`);
  await answer.arrayBuffer();
}

function result(name: string, starts: readonly Started[], bareS: number): RowResult {
  const wallS = median(starts.map((start) => start.wallS));
  return {
    name,
    value: median(starts.map((start) => start.processorS)),
    unit: 's of processor time',
    baseline: { name: 'node that does nothing', value: bareS },
    note: `ready after ${wallS.toFixed(2)} s`,
  };
}
