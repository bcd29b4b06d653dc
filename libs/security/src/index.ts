/**
 * Security: who a caller is and what the caller may do. Credentials become callers, rules decide,
 * quotas limit. It knows no HTTP framework.
 */

export { invalidError, notAccepted } from './access/credential-errors.js';
export { ForwardedCallers, type Need } from './access/forwarded-callers.js';
export { NO_ACCESS } from './access/no-access.js';
export { OPEN_ACCESS } from './access/open-access.js';
export { isAbout, type OpenUse, OpenUses, principalsOf } from './access/open-uses.js';
export { RuleAccess } from './access/rule-access.js';
export {
  ACL_OPERATIONS,
  ACL_PATTERN_TYPES,
  ACL_PERMISSIONS,
  type Acl,
  type AclFilter,
  type AclOperation,
  RESOURCE_TYPES,
  type Resource,
  type ResourceType,
} from './acl/acl.js';
export { AclIndex } from './acl/acl-index.js';
export { CLUSTER, groupNamed, topicNamed } from './acl/resources.js';
export { AccessRules, type AclPage } from './administration/access-rules.js';
export {
  type ApiKeyPage,
  ApiKeys,
  type ApiKeysOptions,
  type ApiKeysPorts,
  type IssuedApiKey,
  type NewApiKeyRequest,
} from './administration/api-keys.js';
export { PrincipalQuotas } from './administration/principal-quotas.js';
export { type AuditLine, AuditLog, type AuditWriter } from './audit/audit-log.js';
export type { BrokerSecurity } from './broker-security.js';
export type { Access, Caller, Credential, Invalidity, RevocableAccess } from './caller.js';
export {
  type CertificateIdentity,
  certificateIdentity,
} from './certificate/certificate-identity.js';
export { CertificateTrust } from './certificate/certificate-trust.js';
export {
  formatApiKey,
  hashSecret,
  newKeyId,
  newKeySecret,
  type PresentedKey,
  parseApiKey,
} from './credential/api-key.js';
export {
  Authenticator,
  type AuthenticatorOptions,
} from './credential/authenticator.js';
export {
  type PresentedCredential,
  parseBearer,
  presentedCredential,
} from './credential/authorization.js';
export { TrustedProxies } from './credential/client-address.js';
export { FailedLogins } from './credential/failed-logins.js';
export { type FetchJson, isSafeUrl, KeySet } from './credential/key-set.js';
export { LoginGuard } from './credential/login-guard.js';
export { ProducerTokens } from './credential/producer-tokens.js';
export { TicketOffice, type TicketPeers } from './credential/ticket-office.js';
export { type Ticket, Tickets } from './credential/tickets.js';
export { TokenVerifier } from './credential/token-verifier.js';
export type { EdgeSecurity } from './edge-security.js';
export { type EdgeStatus, edgeStatus } from './edge-status.js';
export { type ChangeDocument, changeDocument, changeOf } from './metadata/change-document.js';
export {
  EmbeddedSecurity,
  type EmbeddedSecurityOptions,
} from './metadata/embedded-security.js';
export type {
  ApiKey,
  KeySecret,
  Quota,
  Revocation,
  SecurityChange,
} from './metadata/security-change.js';
export {
  NO_COMMIT,
  type SecurityCommit,
  type SecurityPosition,
} from './metadata/security-commit.js';
export { SecurityDisk, type SecurityDiskOptions } from './metadata/security-disk.js';
export { checkedChanges, type SecurityLimits } from './metadata/security-limits.js';
export type {
  RevocationResult,
  SecurityListener,
  SecurityMetadata,
  SecurityStatus,
  SecurityView,
} from './metadata/security-metadata.js';
export { SecuritySignatures, type SignedValue } from './metadata/security-signatures.js';
export type { SecurityState } from './metadata/security-state.js';
export { PrincipalMemory } from './quota/principal-memory.js';
export { type BoundOfAll, PrincipalShares, UNIDENTIFIED } from './quota/principal-shares.js';
export { QuotaLimiter, type RateQuota } from './quota/quota-limiter.js';
