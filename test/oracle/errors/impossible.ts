/**
 * Why an errno that a man page lists cannot occur here. A reason is one of `REASONS`, or a sentence of its own.
 *
 * `EVERYWHERE` holds for each call whose page lists the errno, unless the call has an empty reason of its own; what the oracle has observed after all fails
 * test/oracle/oracle.test.ts, and what a call of ours returns in any test at all ends that test's process with status 1 (test/tools/errno-watch.ts);
 * a reason for what a test provokes (occurring.ts) is a fault as well.
 */
export const REASONS: Readonly<Record<string, string>> = {
  pointer: 'arguments are values and byte arrays; there are no addresses that could be wrong, what is no byte array is a TypeError, and the call does not come back to an array later',
  memory: 'the call takes nothing of a host\'s memory: it goes on where none is left, as test/sim/occurring-errors.test.ts shows',
  buffers: 'a socket without memory for a message says ENOBUFS or waits; Linux says ENOMEM of none of those that are here',
  medium: 'files are in memory, which has no errors of reading and writing',
  quota: 'there are no disk quotas',
  readOnly: 'no file system is mounted read-only',
  executable: 'no file is a program that runs',
  flags: 'there are no files that are immutable, append-only or sealed',
  wide: 'numbers are as wide as a 64-bit kernel has them',
  directoryFd: 'it is about a directory descriptor (openat and its kin) or AT_ flags, which the call does not take here',
  length: 'the length of a result is not passed: the call makes it as long as it has to be',
  linksOfTmpfs: 'as on tmpfs, there may be as many names of a file and directories in one as there is room for (ENOSPC)',
  fileSize: 'RLIMIT_FSIZE is kept and not obeyed; see docs/deviations.md',
  neverLinux: 'no path of Linux 6 gives it to the protocols that are here',
  neverLinuxCall: 'Linux 6 never gives it from this call',
  slow: 'the call does not wait here, nor on a local file system of Linux',
  race: 'two processors at once would have to remove and use it; here a call is not interrupted by another',
  namespaces: 'there are no user namespaces: every id is valid, and -1 leaves an id as it is',
  hugePages: 'there are no huge pages, and no locked ones',
  anonymous: 'there is no device behind anonymous files that could be missing',
  fastOpen: 'there is no TCP Fast Open; see docs/deviations.md',
};

export const EVERYWHERE: Readonly<Record<string, string>> = {
  EFAULT: 'pointer', ENOMEM: 'memory', EIO: 'medium', EDQUOT: 'quota', EROFS: 'readOnly', ETXTBSY: 'executable', EMLINK: 'linksOfTmpfs', EOVERFLOW: 'wide', ENODEV: 'anonymous',
};

const ACCEPT = {
  ECONNABORTED: 'a connection that was reset is handed over all the same, and tells of it when it is used',
  EPERM: 'what a firewall refuses never comes into the queue', EPROTO: 'neverLinux', ENOSR: 'neverLinux', ESOCKTNOSUPPORT: 'neverLinux',
  EPROTONOSUPPORT: 'neverLinux', ETIMEDOUT: 'neverLinux', ENOBUFS: 'neverLinuxCall',
  ERESTARTSYS: 'only a tracer sees it; the caller hears EINTR, or nothing',
};
const UNSHARE = 'it is about CLOSE_RANGE_UNSHARE, which has nothing to copy: a process has one table';
const GLIBC_IDS = 'glibc refuses -1; the call of the kernel that it is made of, as here, leaves the id as it is';
const CLOCKS = 'there are no clocks that wake a machine from sleep (EINVAL); see docs/deviations.md';

export const IMPOSSIBLE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  bind: { ENAMETOOLONG: 'an address has room for 108 bytes of path, which is less than a name may have: EINVAL' },
  connect: { EADDRINUSE: 'neverLinux' },
  accept: ACCEPT,
  accept4: ACCEPT,
  write: { EIO: '', EPERM: 'flags' },
  readv: { EOPNOTSUPP: 'it is about flags, which preadv2 takes' },
  writev: { EIO: '', EOPNOTSUPP: 'it is about flags, which pwritev2 takes', EPERM: 'flags' },
  pwritev: {
    EPERM: 'flags', EDESTADDRREQ: 'a socket has no positions: ESPIPE',
    EPIPE: 'a pipe has no positions: ESPIPE', EAGAIN: 'what has positions never waits', EINTR: 'what has positions never waits',
    ENXIO: 'it is about SEEK_DATA and SEEK_HOLE of lseek', EOPNOTSUPP: 'it is about flags, which pwritev2 takes',
  },
  preadv: {
    EAGAIN: 'what has positions never waits', EINTR: 'what has positions never waits', ENXIO: 'it is about SEEK_DATA and SEEK_HOLE of lseek',
    EOPNOTSUPP: 'it is about flags, which preadv2 takes',
  },
  fsync: { EINTR: 'slow', ENOSPC: 'what is written has its room already' },
  fdatasync: { EINTR: 'slow', ENOSPC: 'what is written has its room already' },
  statfs: { EINTR: 'slow', ENOSYS: 'every file system here can tell' },
  fstatfs: { EINTR: 'slow', ENOSYS: 'every file system here can tell' },
  futimens: { ESRCH: 'what may not be searched on the way is EACCES, on Linux too' },
  utimensat: { ESRCH: 'what may not be searched on the way is EACCES, on Linux too' },
  pwrite: {
    EPERM: 'flags', EDESTADDRREQ: 'a socket has no positions: ESPIPE',
    EPIPE: 'a pipe has no positions: ESPIPE', EAGAIN: 'what has positions never waits', EINTR: 'what has positions never waits',
    ENXIO: 'it is about SEEK_DATA and SEEK_HOLE of lseek',
  },
  pread: {
    EAGAIN: 'what has positions never waits', EINTR: 'what has positions never waits', ENXIO: 'it is about SEEK_DATA and SEEK_HOLE of lseek',
  },
  send: { EALREADY: 'fastOpen', EISCONN: 'the call names no receiver', ENOMEM: 'buffers' },
  sendto: { EALREADY: 'fastOpen', ENOMEM: 'buffers' },
  sendmsg: { EALREADY: 'fastOpen', ENOMEM: 'buffers' },
  sendmmsg: { EALREADY: 'fastOpen', ENOMEM: 'buffers' },
  close: { EINTR: 'a signal ends the wait for what SO_LINGER waits for, and close says 0, as on Linux', ENOSPC: 'only network file systems write as late as that' },
  dup2: { EINTR: 'slow', EMFILE: 'Linux says EBADF of a number beyond the limit' },
  dup3: { EINTR: 'slow', EMFILE: 'Linux says EBADF of a number beyond the limit' },
  close_range: { EMFILE: UNSHARE, ENOMEM: UNSHARE },
  getsockname: { EINVAL: 'length', ENOBUFS: 'neverLinuxCall' },
  getpeername: { EINVAL: 'length', ENOBUFS: 'neverLinuxCall' },
  fcntl: {
    EACCES: 'there are no locks; see docs/deviations.md', EAGAIN: 'there are no locks; see docs/deviations.md',
    EDEADLK: 'there are no locks; see docs/deviations.md', ENOLCK: 'there are no locks; see docs/deviations.md',
    EINTR: 'there are no locks; see docs/deviations.md', ENOTDIR: 'there is no F_NOTIFY; see docs/deviations.md',
  },
  msgrcv: { ENOSYS: 'MSG_COPY is there' },
  msgctl: { EIDRM: 'race' },
  semctl: { EIDRM: 'race' },
  shmat: { EIDRM: 'race' },
  shmctl: { EIDRM: 'race', ENOMEM: 'hugePages' },
  shmget: { EPERM: 'hugePages' },
  mq_notify: { ENOMEM: 'it is about the message to a thread (SIGEV_THREAD), which the C library asks for' },
  sendfile: { EOVERFLOW: 'offsets end at 2^53 - 1 in every file: Linux\'s smaller limits of single file systems (2^31 - 1 in /proc) are not here; see docs/deviations.md' },
  getsid: { EPERM: 'neverLinuxCall' },
  setuid: { EAGAIN: 'since Linux 3.1 the limit of processes is looked at when a program is started' },
  seteuid: { EINVAL: GLIBC_IDS },
  setegid: { EINVAL: GLIBC_IDS },
  setreuid: { EAGAIN: 'since Linux 3.1 the limit of processes is looked at when a program is started', EINVAL: 'namespaces' },
  setregid: { EAGAIN: 'neverLinuxCall', EINVAL: 'namespaces' },
  setresuid: { EAGAIN: 'since Linux 3.1 the limit of processes is looked at when a program is started', EINVAL: 'namespaces' },
  setresgid: { EAGAIN: 'neverLinuxCall', EINVAL: 'namespaces' },
  getgroups: { EINVAL: 'length' },
  open: {
    EBADF: 'directoryFd', EBUSY: 'there are no block devices', EFBIG: 'wide', ENODEV: 'every device node has its device',
    EOPNOTSUPP: 'there is no O_TMPFILE; see docs/deviations.md', EPERM: 'there is no O_NOATIME, and no sealed file; see docs/deviations.md',
    EWOULDBLOCK: 'there are no leases; see docs/deviations.md',
  },
  pipe: { ENOPKG: 'there are no notification pipes' },
  access: { EPERM: 'flags' },
  truncate: { EFBIG: 'fileSize', EINTR: 'slow', EPERM: 'flags' },
  ftruncate: { EFBIG: 'fileSize', EINTR: 'slow', EPERM: 'flags' },
  mkdir: { EINVAL: 'every name is one that the file system can hold', EPERM: 'the file system can hold directories' },
  unlink: { EBUSY: 'what is mounted on is a directory, and so is the root: EISDIR' },
  symlink: { EPERM: 'the file system can hold symbolic links' },
  rename: { EEXIST: 'Linux says ENOTEMPTY', ENOSPC: 'a name that moves needs no room' },
  getcwd: { EACCES: 'the call asks the kernel, which reads no directories', EINVAL: 'length', ENAMETOOLONG: 'length', ERANGE: 'length' },
  getdents: { EINVAL: 'length' },
  timer_create: { EPERM: CLOCKS, ENOMEM: 'Linux says EAGAIN where it has no memory for a timer (do_timer_create), and so do we' },
  timerfd_create: { EPERM: CLOCKS },
  waitid: { EAGAIN: 'there are no descriptors of processes (P_PIDFD); see docs/deviations.md' },
  timerfd_settime: { ECANCELED: 'nobody sets the clock, and there is no TFD_TIMER_CANCEL_ON_SET; see docs/deviations.md' },
};

/** Why `errno` cannot come from `call`: the key of a reason or a sentence; null when it can. */
export function whyNot(call: string, errno: string): string | null {
  const why = IMPOSSIBLE[call]?.[errno] ?? EVERYWHERE[errno] ?? '';
  return why === '' ? null : why;
}
