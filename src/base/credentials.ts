/**
 * Who a process is: user and group ids, and capabilities (credentials(7), capabilities(7)).
 *
 * Ids are real, effective, saved and file-system, as Linux has them. A capability is a bit of the effective set.
 */

/** Numbers of <linux/capability.h>, those that something here asks for. */
export const Capability = {
  CHOWN: 0, DAC_OVERRIDE: 1, DAC_READ_SEARCH: 2, FOWNER: 3, KILL: 5, SETGID: 6, SETUID: 7, NET_BIND_SERVICE: 10,
  NET_ADMIN: 12, NET_RAW: 13, IPC_OWNER: 15, SYS_ADMIN: 21, SYS_RESOURCE: 24, MKNOD: 27,
} as const;
export type Capability = (typeof Capability)[keyof typeof Capability];

const ALL = -1;

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
  /** The effective set, a bit a capability. Root begins with all of them. */
  effective: number = ALL;

  has(capability: Capability): boolean {
    return ((this.effective >>> capability) & 1) !== 0;
  }

  /** What a child gets. */
  clone(): Credentials {
    return Object.assign(new Credentials(), this);
  }
}
