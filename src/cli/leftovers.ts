/**
 * `SOCKSCAPE_LEFTOVERS=1`: a command that has had a host says at its end what that host has not let go, for the tests.
 */
import type { Host } from '../host.ts';
import { leftoversOf, SharedLeftovers } from '../sim/leftovers.ts';

/** Made before the host's devices, which hold memory too; asked when host and devices have gone. */
export class HostEnd {
  private readonly shared = new SharedLeftovers();

  /** What is left of a host that has been switched off, in one line; 'nothing' when all is well. */
  left(host: Host): string {
    const left = [...leftoversOf(host), ...this.shared.words()];
    return left.length === 0 ? 'nothing' : left.join('; ');
  }

  /** The same, said on standard error where somebody wants to know. */
  report(host: Host, complain: (text: string) => void): void {
    if (process.env['SOCKSCAPE_LEFTOVERS'] === '1') complain(`sockscape: left behind: ${this.left(host)}\n`);
  }
}
