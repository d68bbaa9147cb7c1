/** Control messages of SOL_SOCKET that sendmsg(2) takes on every family but AF_UNIX (__sock_cmsg_send). */
import { Errno } from '../base/errno.ts';
import type { SocketOptions } from '../transport/endpoint.ts';
import type { SendChoices } from '../transport/send-choices.ts';
import type { Caller } from './caller.ts';
import { SCM, SO } from './constants.ts';
import { type ControlMessage, readInts } from './control.ts';
import { mayMark } from './mark.ts';

/** What priority(7) leaves to everybody: 0 to 6 (sk_set_prio_allowed). */
const MAX_PRIORITY = 6;

/** 0 or a negative errno. What the message chooses for itself goes to `choices`, where there is anybody to take notice. */
export function readSocketControl(
  { type, data }: ControlMessage, { rare }: SocketOptions, { credentials }: Caller, choices: SendChoices | null,
): number {
  const isPrivileged = mayMark(credentials);
  switch (type) {
    // They mean nothing here, and are no mistake.
    case SCM.RIGHTS: case SCM.CREDENTIALS: return 0;
    case SO.MARK:
      if (!isPrivileged) return -Errno.EPERM;
      if (data.length !== 4) return -Errno.EINVAL;
      if (choices !== null) choices.mark = readInts(data)[0] as number;
      return 0;
    case SO.PRIORITY: {
      if (data.length !== 4) return -Errno.EINVAL;
      const priority = readInts(data)[0] as number;
      if ((priority < 0 || priority > MAX_PRIORITY) && !isPrivileged) return -Errno.EPERM;
      if (choices !== null) choices.priority = priority;
      return 0;
    }
    // When it may leave; no queue here looks at that.
    case SO.TXTIME: return rare.txTime && data.length === 8 ? 0 : -Errno.EINVAL;
    default: return -Errno.EINVAL;
  }
}
