/** What the socket layer asks of the process that makes a call. Implemented by KernelProcess. */
import type { Credentials } from '../base/credentials.ts';

export interface Caller {
  readonly pid: number;
  readonly credentials: Credentials;
}
