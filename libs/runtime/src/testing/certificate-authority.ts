import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const LOOPBACK = 'IP:127.0.0.1,DNS:localhost';

/** A certificate with its key, as files and as texts. */
export interface IssuedCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of a test, made with the openssl command. */
export class CertificateAuthority {
  readonly #folder: string;
  readonly #config: string;

  /** @param folder a folder of its own; it need not exist */
  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#config = this.#file('ca.cnf');
    mkdirSync(folder, { recursive: true });
    writeFileSync(this.#file('index.txt'), '');
    writeFileSync(this.#config, this.#configuration());
    const own = ['-keyout', this.#file('ca-key.pem'), '-out', this.caFile];
    openssl('req', '-x509', ...NEW_KEY, ...own, '-subj', `/CN=${name}`, '-days', '2');
  }

  get caFile(): string {
    return this.#file('ca.pem');
  }

  get ca(): string {
    return readFileSync(this.caFile, 'utf8');
  }

  /**
   * Issues a certificate that is valid for servers on loopback, and for clients.
   * @param subject as openssl's `-subj` takes it; `+` separates the attributes of one name part
   */
  issue(name: string, subject = `/CN=${name}`): IssuedCertificate {
    const certFile = this.#file(`${name}.pem`);
    const keyFile = this.#file(`${name}-key.pem`);
    const request = this.#file(`${name}-request.pem`);
    const subjectOptions = ['-subj', subject, '-utf8', '-multivalue-rdn'];
    openssl('req', '-new', ...NEW_KEY, '-keyout', keyFile, '-out', request, ...subjectOptions);
    openssl(
      'ca',
      '-batch',
      '-notext',
      '-preserveDN',
      '-config',
      this.#config,
      '-in',
      request,
      '-out',
      certFile,
    );
    const cert = readFileSync(certFile, 'utf8');
    return { certFile, keyFile, cert, key: readFileSync(keyFile, 'utf8') };
  }

  revoke({ certFile }: IssuedCertificate): void {
    openssl('ca', '-config', this.#config, '-revoke', certFile);
  }

  /** Returns the newest revocation list as a PEM text. */
  revocationList(): string {
    const file = this.#file('crl.pem');
    openssl('ca', '-config', this.#config, '-gencrl', '-crldays', '2', '-out', file);
    return readFileSync(file, 'utf8');
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  #configuration(): string {
    const section = {
      database: this.#file('index.txt'),
      rand_serial: 'yes',
      new_certs_dir: this.#folder,
      certificate: this.#file('ca.pem'),
      private_key: this.#file('ca-key.pem'),
      default_md: 'sha256',
      default_days: '2',
      policy: 'any',
      unique_subject: 'no',
      preserve: 'yes',
      x509_extensions: 'extensions',
    };
    const lines = Object.entries(section).map(([name, value]) => `${name} = ${value}`);
    const names = ['CN', 'O', 'OU', 'C', 'L', 'ST', 'DC', 'UID', 'emailAddress', 'serialNumber'];
    return [
      '[ca]\ndefault_ca = authority\n[authority]',
      ...lines,
      '[any]',
      ...names.map((name) => `${name} = optional`),
      `[extensions]\nsubjectAltName = ${LOOPBACK}`,
      '',
    ].join('\n');
  }
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
