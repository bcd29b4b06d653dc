import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './child.js';

const ENTRY = fileURLToPath(new URL('../../dist/apps/gateway/main.js', import.meta.url));
/** Secret that only the brokers of this run know. */
const CLUSTER_SECRET = randomBytes(24).toString('base64url');

interface ClusterBrokerOptions {
  readonly id: number;
  readonly port: number;
  readonly redisUrl: string;
  /** Directory of the data and logs of all brokers. */
  readonly directory: string;
}

/** One broker: its data, log and port stay the same when it is started again. */
export class ClusterBroker extends Child {
  readonly id: number;
  readonly url: string;
  readonly logFile: string;
  readonly #environment: NodeJS.ProcessEnv;

  constructor({ id, port, redisUrl, directory }: ClusterBrokerOptions) {
    super();
    this.id = id;
    this.url = `http://127.0.0.1:${port}`;
    this.logFile = join(directory, `broker-${id}.log`);
    this.#environment = {
      ...process.env,
      SLUICE_HOST: '127.0.0.1',
      SLUICE_PORT: String(port),
      SLUICE_BROKER_ID: String(id),
      SLUICE_DATA_DIR: join(directory, `broker-${id}`),
      SLUICE_REDIS_URL: redisUrl,
      SLUICE_CLUSTER_SECRET: CLUSTER_SECRET,
      SLUICE_LOG_FORMAT: 'json',
    };
  }

  startIfDead(): void {
    if (this.isRunning) return;
    this.spawn(process.execPath, [ENTRY], {
      environment: this.#environment,
      logFile: this.logFile,
    });
  }
}
