/** sendfile, splice and tee: the part of `Syscalls` that moves bytes past the caller. */
export interface SpliceSyscalls {
  /**
   * sendfile(2): resolves to how many bytes went from the file `from` to `out`; null for its own position, which then moves.
   * An offset of the caller's stays what it was: add the count. Errors: EBADF, EINVAL (no file; O_APPEND), and write's.
   */
  sendfile(out: number, from: number, offset: number | null, count: number): Promise<number>;
  /**
   * splice(2): from a pipe or to one; resolves to how many bytes went. `flags`: SPLICE_F_NONBLOCK, SPLICE_F_MORE.
   *
   * Errors: EBADF, EINVAL (no pipe, or one pipe), ESPIPE (an offset into a pipe), EAGAIN, EPIPE, EINTR.
   */
  splice(
    from: number, fromOffset: number | null, to: number, toOffset: number | null, count: number, flags: number,
  ): Promise<number>;
  /** tee(2): copies from pipe to pipe and leaves the bytes; resolves to how many. Errors: EBADF, EINVAL, EAGAIN, EINTR. */
  tee(from: number, to: number, count: number, flags: number): Promise<number>;
}
