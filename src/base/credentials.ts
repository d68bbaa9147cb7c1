/**
 * Who a process is: user and group ids, and capabilities (credentials(7), capabilities(7)).
 *
 * Ids are real, effective, saved and file-system, as Linux has them. A capability is a bit of the effective and the
 * permitted set; what root has without having to be told follows from its ids (`changedFrom`, `execute`).
 */

/** Numbers of <linux/capability.h>, those that something here asks for. */
export const Capability = {
  CHOWN: 0, DAC_OVERRIDE: 1, DAC_READ_SEARCH: 2, FOWNER: 3, FSETID: 4, KILL: 5, SETGID: 6, SETUID: 7, NET_BIND_SERVICE: 10,
  NET_BROADCAST: 11, NET_ADMIN: 12, NET_RAW: 13, IPC_OWNER: 15, SYS_PTRACE: 19, SYS_ADMIN: 21, SYS_RESOURCE: 24,
} as const;
export type Capability = (typeof Capability)[keyof typeof Capability];

const ALL = -1;
const NONE = 0;
/** The ids before a change: what `changedFrom` compares with. */
export interface UserIds {
  readonly uid: number;
  readonly euid: number;
  readonly suid: number;
}

export class Credentials {
  uid = 0;
  euid = 0;
  suid = 0;
  fsuid = 0;
  gid = 0;
  egid = 0;
  sgid = 0;
  fsgid = 0;
  /** Supplementary groups. */
  groups: readonly number[] = [];
  /** The effective and the permitted set, a bit a capability. Root begins with all of them. */
  effective: number = ALL;
  permitted: number = ALL;

  has(capability: Capability): boolean {
    return ((this.effective >>> capability) & 1) !== 0;
  }

  /** What a child gets. */
  clone(): Credentials {
    return Object.assign(new Credentials(), this);
  }

  /**
   * The user ids have changed: root's capabilities come and go with them (cap_emulate_setxuid; capabilities(7), "Effect of
   * user ID changes on capabilities").
   */
  changedFrom(old: UserIds): void {
    this.fsuid = this.euid;
    const wasRoot = old.uid === 0 || old.euid === 0 || old.suid === 0;
    if (wasRoot && this.uid !== 0 && this.euid !== 0 && this.suid !== 0) {
      this.permitted = NONE;
      this.effective = NONE;
    }
    if (old.euid === 0 && this.euid !== 0) this.effective = NONE;
    else if (old.euid !== 0 && this.euid === 0) this.effective = this.permitted;
  }

  /** execve(2): the saved ids become the effective ones, root has everything, others have nothing (bprm_caps_from_file). */
  execute(): void {
    this.suid = this.euid;
    this.fsuid = this.euid;
    this.sgid = this.egid;
    this.fsgid = this.egid;
    this.permitted = this.uid === 0 || this.euid === 0 ? ALL : NONE;
    this.effective = this.euid === 0 ? ALL : NONE;
  }
}
