import { Controller, Inject } from '@nestjs/common';
import { type Input, type Output, present, SECURITY_LIST_DEFAULT } from '#api';
import { inSlices } from '#runtime';
import type { Access } from '#security';
import { SecurityAdministration } from '../shared/security-administration.js';
import { CallerAccess } from './caller-access.js';
import { Serves } from './serves.js';

/** The caller, access control rules and quotas. */
@Controller()
export class SecurityController {
  readonly #administration: SecurityAdministration;

  constructor(@Inject(SecurityAdministration) administration: SecurityAdministration) {
    this.#administration = administration;
  }

  @Serves('whoami')
  whoami(_input: Input<'whoami'>, @CallerAccess() { caller }: Access): Output<'whoami'> {
    const { principal, groups, isSuperUser, expiresAtMs } = caller;
    const { isOn } = this.#administration;
    const rules = isOn ? this.#administration.rules.ofCaller(caller) : { allowed: [], denied: [] };
    return {
      auth: isOn ? 'on' : 'off',
      principal,
      groups,
      superUser: isSuperUser,
      expiresAt: expiresAtMs,
      ...rules,
    };
  }

  @Serves('listAcls')
  listAcls({ query }: Input<'listAcls'>): Promise<Output<'listAcls'>> {
    const { after = 0, limit = SECURITY_LIST_DEFAULT, ...filter } = present(query);
    return inSlices(this.#administration.rules.list(filter, after, limit));
  }

  @Serves('createAcls')
  async createAcls({ body }: Input<'createAcls'>): Promise<Output<'createAcls'>> {
    const acls = body.acls.map((acl) => present(acl));
    await this.#administration.rules.add(acls);
    return { acls };
  }

  @Serves('deleteAcls')
  async deleteAcls({ query }: Input<'deleteAcls'>): Promise<Output<'deleteAcls'>> {
    return { acls: await this.#administration.rules.remove(present(query)) };
  }

  @Serves('describeQuota')
  describeQuota({ principal }: Input<'describeQuota'>): Output<'describeQuota'> {
    return { principal, ...this.#administration.quotas.of(principal) };
  }

  @Serves('setQuota')
  async setQuota({ principal, body }: Input<'setQuota'>): Promise<Output<'setQuota'>> {
    const quota = present(body);
    await this.#administration.quotas.set(principal, quota);
    return Object.assign({ principal }, quota);
  }

  @Serves('deleteQuota')
  async deleteQuota({ principal }: Input<'deleteQuota'>): Promise<void> {
    await this.#administration.quotas.set(principal, null);
  }
}
