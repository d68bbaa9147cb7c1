/** Writes of a stream that wait for room. Called by stream-handle.ts. */
import type { Request } from './bindings.ts';

/** A write that found no room for all of its bytes. */
export class PendingWrite {
  readonly request: Request;
  readonly parts: readonly Uint8Array[];
  /** The part that is being sent, and how much of it is gone. */
  index = 0;
  at = 0;
  /** Made by C++ (TLSWrap and others): settled by `finishWrite`. */
  readonly ofStream: boolean;

  constructor(request: Request, parts: readonly Uint8Array[], ofStream: boolean) {
    this.request = request;
    this.parts = parts;
    this.ofStream = ofStream;
  }

  get bytesLeft(): number {
    let left = -this.at;
    for (let i = this.index; i < this.parts.length; i++) left += (this.parts[i] as Uint8Array).length;
    return left;
  }
}
