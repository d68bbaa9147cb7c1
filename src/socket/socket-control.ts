/** Control messages of SOL_SOCKET that sendmsg(2) takes on every family but AF_UNIX (__sock_cmsg_send). */
import { Capability } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import type { Caller } from './caller.ts';
import { SCM, SO } from './constants.ts';
import { type ControlMessage, readInts } from './control.ts';

/** What priority(7) leaves to everybody: 0 to 6 (sk_set_prio_allowed). */
const MAX_PRIORITY = 6;

/** 0 or a negative errno. A mark and a priority are taken, and tell nobody anything: no packet carries them on. */
export function checkSocketControl({ type, data }: ControlMessage, { credentials }: Caller): number {
  const isPrivileged = credentials.has(Capability.NET_RAW) || credentials.has(Capability.NET_ADMIN);
  switch (type) {
    // They mean nothing here, and are no mistake.
    case SCM.RIGHTS: case SCM.CREDENTIALS: return 0;
    case SO.MARK:
      if (!isPrivileged) return -Errno.EPERM;
      return data.length === 4 ? 0 : -Errno.EINVAL;
    case SO.PRIORITY: {
      if (data.length !== 4) return -Errno.EINVAL;
      const priority = readInts(data)[0] as number;
      return (priority >= 0 && priority <= MAX_PRIORITY) || isPrivileged ? 0 : -Errno.EPERM;
    }
    default: return -Errno.EINVAL;
  }
}
