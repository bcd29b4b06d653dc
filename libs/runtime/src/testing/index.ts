export { CertificateAuthority, type IssuedCertificate } from './certificate-authority.js';
export { FakeClock, FakeScheduler } from './fake-clock.js';
export { FakeDisk, type FakeDiskOptions, type PathCounts } from './fake-disk.js';
export { FakeEventLoop } from './fake-event-loop.js';
export { SECTOR_BYTES } from './fake-file.js';
export { MachineCrashedError } from './fake-mount.js';
export { FAULT_POINTS, type FaultCode, type FaultOptions, type FaultPoint } from './faults.js';
export { RecordingLogger } from './recording-logger.js';
export { SeededRandom } from './seeded-random.js';
