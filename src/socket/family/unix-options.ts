/** SOL_SOCKET's options of an AF_UNIX socket. */
import type { Settings } from '../../base/settings.ts';
import { SocketOptions } from '../../transport/endpoint.ts';

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
