/** What sendmsg(2) takes along beside the bytes on AF_UNIX: descriptors and credentials (scm_send). */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import type { Caller } from '../caller.ts';
import { SCM, SOL } from '../constants.ts';
import { type ControlMessage, readInts, walkControl } from '../control.ts';
import type { Description } from '../description.ts';
import type { Sender } from '../received.ts';
import type { Ancillary } from '../socket.ts';
import { type Flights, Rights } from './rights.ts';
import type { UnixMessage } from './unix-queue.ts';
import type { UnixSocket } from './unix.ts';

/** SCM_MAX_FD: descriptors of one message. */
const MAX_DESCRIPTORS = 253;
const UCRED_LEN = 12;
const NO_ID = 0xffffffff;

export class UnixAncillary implements Ancillary {
  /** Null once a message took them along: of a long write only the first part carries them. */
  private rights: Rights | null;
  readonly credentials: Sender | null;

  constructor(rights: Rights | null, credentials: Sender | null) {
    this.rights = rights;
    this.credentials = credentials;
  }

  /** -ETOOMANYREFS when the user has more in flight than a process may have open (too_many_unix_fds). */
  check({ credentials, maxDescriptors }: Caller, flights: Flights): number {
    if (this.rights === null || flights.of(credentials.uid) <= maxDescriptors) return 0;
    const may = credentials.has(Capability.SYS_RESOURCE) || credentials.has(Capability.SYS_ADMIN);
    return may ? 0 : -Errno.ETOOMANYREFS;
  }

  /** -EPERM when descriptors would go to a socket that wants none (SO_PASSRIGHTS). */
  checkReceiver({ options }: UnixSocket): number {
    return this.rights !== null && !options.rare.passRights ? -Errno.EPERM : 0;
  }

  /** The rights go with this message. */
  attach(message: UnixMessage, receiver: UnixSocket): void {
    const { rights } = this;
    if (rights === null) return;
    this.rights = null;
    rights.takeOff(receiver, receiver.host.flights);
    message.rights = rights;
  }

  letGo(): void {
    if (this.rights !== null) this.rights.letGo();
    this.rights = null;
  }
}

/** Reads control data (__scm_send); a negative errno when something of it will not do. */
export function prepareAncillary(control: Uint8Array, caller: Caller): UnixAncillary | number {
  const descriptions: Description[] = [];
  let credentials: Sender | null = null;
  const bad = walkControl(control, (message) => {
    if (message.level !== SOL.SOCKET) return 0;
    if (message.type === SCM.RIGHTS) return lookUp(message, caller, descriptions);
    if (message.type !== SCM.CREDENTIALS || message.data.length !== UCRED_LEN) return -Errno.EINVAL;
    const [pid, uid, gid] = readInts(message.data) as [number, number, number];
    credentials = { pid, uid: uid >>> 0, gid: gid >>> 0 };
    return checkCredentials(credentials, caller);
  });
  if (bad < 0) return bad;
  const rights = descriptions.length > 0 ? new Rights(descriptions, caller.credentials.uid) : null;
  return new UnixAncillary(rights, credentials);
}

/** scm_fp_copy. */
function lookUp({ data }: ControlMessage, caller: Caller, descriptions: Description[]): number {
  const fds = readInts(data);
  if (descriptions.length + fds.length > MAX_DESCRIPTORS) return -Errno.EINVAL;
  for (const fd of fds) {
    const description = caller.description(fd);
    if (description === null) return -Errno.EBADF;
    descriptions.push(description);
  }
  return 0;
}

/** Everybody may say who he is; the privileged may say anything of somebody who exists (scm_check_creds). */
function checkCredentials({ pid, uid, gid }: Sender, caller: Caller): number {
  const own = caller.credentials;
  // -1 is nobody's id.
  if (uid === NO_ID || gid === NO_ID) return -Errno.EINVAL;
  const pidIsFair = pid === caller.pid || own.has(Capability.SYS_ADMIN);
  const uidIsFair = uid === own.uid || uid === own.euid || uid === own.suid || own.has(Capability.SETUID);
  const gidIsFair = gid === own.gid || gid === own.egid || gid === own.sgid || own.has(Capability.SETGID);
  if (!pidIsFair || !uidIsFair || !gidIsFair) return -Errno.EPERM;
  return caller.hasProcess(pid) ? 0 : -Errno.ESRCH;
}
