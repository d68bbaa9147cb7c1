/** Limits of a process (getrlimit(2)): those that something here obeys, and the numbers of the others. */
import { Errno } from '../base/errno.ts';

/** RLIMIT_: <sys/resource.h>. */
export const Resource = {
  CPU: 0, FSIZE: 1, DATA: 2, STACK: 3, CORE: 4, RSS: 5, NPROC: 6, NOFILE: 7, MEMLOCK: 8, AS: 9, LOCKS: 10, SIGPENDING: 11,
  MSGQUEUE: 12, NICE: 13, RTPRIO: 14, RTTIME: 15,
} as const;
const RESOURCES = 16;

/** fs.nr_open, to which RLIMIT_NOFILE can be raised: its usual soft limit of 1024 is there for select(2)'s bit masks. */
export const MOST_DESCRIPTORS = 1048576;

/** struct rlimit; Infinity is RLIM_INFINITY. */
export interface ResourceLimit {
  readonly soft: number;
  readonly hard: number;
}

const NO_LIMIT: ResourceLimit = { soft: Infinity, hard: Infinity };
const DESCRIPTORS: ResourceLimit = { soft: MOST_DESCRIPTORS, hard: MOST_DESCRIPTORS };
/** As on a machine of some four gigabytes: half of kernel.threads-max (fork_init), and what mqueue(7) says. */
const TASKS: ResourceLimit = { soft: 16384, hard: 16384 };
const QUEUE_BYTES: ResourceLimit = { soft: 819200, hard: 819200 };
/** _STK_LIM: a quarter of it is what a program's arguments and environment may take. */
const STACK_BYTES: ResourceLimit = { soft: 8 * 1024 * 1024, hard: Infinity };
/** There are no core files. */
const NOTHING: ResourceLimit = { soft: 0, hard: Infinity };

const STANDARD: ReadonlyMap<number, ResourceLimit> = new Map([
  [Resource.NOFILE, DESCRIPTORS], [Resource.CORE, NOTHING], [Resource.NPROC, TASKS], [Resource.SIGPENDING, TASKS],
  [Resource.MSGQUEUE, QUEUE_BYTES], [Resource.STACK, STACK_BYTES],
]);

export class ResourceLimits {
  private readonly changed: Map<number, ResourceLimit> = new Map();

  get(resource: number): ResourceLimit {
    return this.changed.get(resource) ?? STANDARD.get(resource) ?? NO_LIMIT;
  }

  /** setrlimit(2)'s checks in do_prlimit's order: 0, or -EINVAL, -EPERM. `mayRaise`: the caller has CAP_SYS_RESOURCE. */
  set(resource: number, limit: ResourceLimit, mayRaise: boolean): number {
    if (!isResource(resource) || !(limit.soft >= 0) || !(limit.hard >= 0) || limit.soft > limit.hard) return -Errno.EINVAL;
    if (resource === Resource.NOFILE && limit.hard > MOST_DESCRIPTORS) return -Errno.EPERM;
    if (limit.hard > this.get(resource).hard && !mayRaise) return -Errno.EPERM;
    this.changed.set(resource, { soft: Math.floor(limit.soft), hard: Math.floor(limit.hard) });
    return 0;
  }

  /** A child has its parent's limits. */
  inherit(other: ResourceLimits): void {
    for (const [resource, limit] of other.changed) this.changed.set(resource, limit);
  }
}

export function isResource(resource: number): boolean {
  return Number.isInteger(resource) && resource >= 0 && resource < RESOURCES;
}
