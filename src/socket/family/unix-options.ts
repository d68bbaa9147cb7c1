/** SOL_SOCKET's options of an AF_UNIX socket. */
import { Errno } from '../../base/errno.ts';
import type { Settings } from '../../base/settings.ts';
import { SocketOptions } from '../../transport/endpoint.ts';
import { rareOf } from '../../transport/rare-options.ts';
import { SO, SOCK } from '../constants.ts';
import { ints } from '../control.ts';
import { intBytes } from '../option-bytes.ts';
import type { Peer } from '../received.ts';
import { getTold, setTold } from './inet-tell-options.ts';

export class UnixOptions extends SocketOptions {
  /** SO_PASSCRED. */
  passCredentials = false;
  /** SO_PEEK_OFF: where MSG_PEEK looks next; negative when it always looks at the front. */
  peekOffset = -1;

  constructor(settings: Settings) {
    super();
    this.sendBufferBytes = settings.wmemDefault;
    this.receiveBufferBytes = settings.rmemDefault;
  }
}

/** The bytes of an option that AF_UNIX alone has, or has otherwise; a negative errno; null for all others. */
export function getUnixOption(
  options: UnixOptions, peer: Peer | null, option: number, length: number,
): Uint8Array | number | null {
  switch (option) {
    case SO.PASSCRED: return intBytes(options.passCredentials ? 1 : 0, length);
    case SO.PASSSEC: return intBytes(options.rare.passSecurity ? 1 : 0, length);
    case SO.PASSRIGHTS: return intBytes(options.rare.passRights ? 1 : 0, length);
    case SO.PEEK_OFF: return intBytes(options.peekOffset, length);
    case SO.PEERCRED: {
      const { pid, uid, gid } = peer ?? { pid: 0, uid: -1, gid: -1 };
      return ints([pid, uid, gid]).subarray(0, Math.min(12, length));
    }
    case SO.PEERGROUPS: {
      if (peer === null) return -Errno.ENODATA;
      const { groups } = peer;
      return length < groups.length * 4 ? -Errno.ERANGE : ints(groups);
    }
    // There are no descriptors of processes.
    case SO.PASSPIDFD: case SO.PEERPIDFD: return -Errno.ENOPROTOOPT;
    default: return getTold(options, option, length);
  }
}

/** 0, a negative errno, or null for options that are everybody's. */
export function setUnixOption(
  options: UnixOptions, type: number, option: number, value: number, length: number,
): number | null {
  const on = value !== 0;
  switch (option) {
    case SO.PASSCRED: options.passCredentials = on; return 0;
    case SO.PASSSEC: rareOf(options).passSecurity = on; return 0;
    case SO.PASSRIGHTS: rareOf(options).passRights = on; return 0;
    case SO.PASSPIDFD: return -Errno.ENOPROTOOPT;
    case SO.PEEK_OFF: options.peekOffset = value; return 0;
    case SO.PEERCRED: return -Errno.ENOPROTOOPT;
    // sk_is_inet alone shares ports.
    case SO.REUSEPORT: return on ? -Errno.EOPNOTSUPP : null;
    case SO.INQ:
      if (type !== SOCK.STREAM) return null;
      if (length !== 4 || (value !== 0 && value !== 1)) return -Errno.EINVAL;
      rareOf(options).tellsRest = on;
      return 0;
    default: return setTold(options, option, on);
  }
}
