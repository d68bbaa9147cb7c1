/** The calls of the table (src/api/posix/signatures.ts) that random programs do not make, each with its reason. random.test.ts counts the rest. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  spawn: 'it is drawn as `fork`: what the child runs is the program itself',
  wait: 'it is waitpid(-1, 0), and would wait for a child that has no reason to end; waitpid is drawn',
  raise: 'it is kill(getpid(), ...), which is drawn',
  killpg: 'it is kill(-pgid, ...); kill is drawn',
  signal: 'it is sigaction, which is drawn',
  sigwait: 'it is sigwaitinfo, which is drawn',
  getpgrp: 'it is getpgid(0), which is drawn',
  clock_gettime: 'its result is the time',
  getrandom: 'its result is chance',
  gethostname: 'its result is the name that a machine was given',
  getifaddrs: 'the C library makes it of netlink messages, and these are drawn',
};
