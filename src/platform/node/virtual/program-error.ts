/** How whoever waits for a program of a world hears of an end that is none of its own. */

/** What `host.run` rejects with when the host loses its power before the program has returned. */
export class HostCrash extends Error {
  override readonly name = 'HostCrash';
}

/** A program has ended with a status other than 0, or by a signal. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
  /** As a shell tells it: 128 and the number of the signal, where it was one. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
