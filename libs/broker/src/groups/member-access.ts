import type { GroupCoordinators, MayKeepMember } from '#groups';
import { isAbout, principalsOf, type SecurityMetadata, type SecurityView } from '#security';

/**
 * Decides whether the members of groups may stay: a member whose owner has lost its key, or the
 * permission to read the group or one of its topics, leaves at once. Members over HTTP have no
 * connection that ends.
 *
 * Overlap: everything is synchronous.
 */
export class MemberAccess {
  /** Undefined before `follow`, and while authentication is off. */
  #view: SecurityView | undefined;

  /** True if the owner of a member may have it, by the rules that this broker knows. */
  readonly mayKeep: MayKeepMember = ({ principal, groups, isSuperUser }, reads) => {
    const view = this.#view;
    if (view === undefined) return true;
    if (view.isRevoked(principal)) return false;
    if (isSuperUser) return true;
    const mayRead = (type: 'group' | 'topic', name: string): boolean =>
      view.isAllowed([principal, ...groups], 'Read', { type, name });
    if (!mayRead('group', reads.group)) return false;
    for (const topic of reads.topics) if (!mayRead('topic', topic)) return false;
    return true;
  };

  /** Begins to apply changes of the rules to the members of these coordinators. */
  follow(
    metadata: Pick<SecurityMetadata, 'view' | 'onChange'>,
    coordinators: Pick<GroupCoordinators, 'accessChanged'>,
  ): void {
    this.#view = metadata.view;
    metadata.onChange((changes) => {
      const principals = changes === 'reloaded' ? undefined : principalsOf(changes);
      coordinators.accessChanged((owner) => principals === undefined || isAbout(principals, owner));
    });
    coordinators.accessChanged(() => true);
  }
}
