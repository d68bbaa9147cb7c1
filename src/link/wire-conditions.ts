/**
 * The weather on one direction of a wire, and the counts of what it did: netem's model.
 *
 * A cable hands these to its two wires; worlds and tests set them by name with `LinkConditions`.
 */

/** What can be asked of one direction. Everything left out is fair weather. */
export interface LinkConditions {
  /** Time a frame travels, in microseconds. */
  readonly delayUs?: number;
  /** The delay varies evenly by up to this much either way; frames may overtake each other. */
  readonly jitterUs?: number;
  /** Bits per second that leave the sender (Ethernet header to payload, as captured); 0 for no limit. */
  readonly rateBitsPerSecond?: number;
  /** Frames that may wait for the transmitter, the one being sent not counted; 0 for no limit. Needs a rate. */
  readonly queuePackets?: number;
  /** The same in bytes. */
  readonly queueBytes?: number;
  /** Probability (0 to 1) that a frame is lost. */
  readonly loss?: number;
  /** Probability that a frame arrives twice. */
  readonly duplicate?: number;
  /** Probability that a frame is held back, and by how much at most: others overtake it. */
  readonly reorder?: { readonly probability: number; readonly extraUs: number };
  /** Probability that one bit of a frame arrives wrong. */
  readonly corrupt?: number;
}

/** Frames that may wait at a transmitter whose owner names no limit: Linux's txqueuelen. */
export const DEFAULT_QUEUE_PACKETS = 1000;

/** The same as plain fields, which the wire reads for every frame. */
export class WireConditions {
  delayUs = 0;
  jitterUs = 0;
  rateBitsPerSecond = 0;
  queuePackets = DEFAULT_QUEUE_PACKETS;
  queueBytes = 0;
  loss = 0;
  duplicate = 0;
  reorder = 0;
  reorderUs = 0;
  corrupt = 0;

  /** Changes what `changes` names and leaves the rest. */
  set(changes: LinkConditions): void {
    const { reorder } = changes;
    this.delayUs = amount('delayUs', changes.delayUs, this.delayUs);
    this.jitterUs = amount('jitterUs', changes.jitterUs, this.jitterUs);
    this.rateBitsPerSecond = amount('rateBitsPerSecond', changes.rateBitsPerSecond, this.rateBitsPerSecond);
    this.queuePackets = amount('queuePackets', changes.queuePackets, this.queuePackets);
    this.queueBytes = amount('queueBytes', changes.queueBytes, this.queueBytes);
    this.loss = probability('loss', changes.loss, this.loss);
    this.duplicate = probability('duplicate', changes.duplicate, this.duplicate);
    this.reorder = probability('reorder.probability', reorder?.probability, this.reorder);
    this.reorderUs = amount('reorder.extraUs', reorder?.extraUs, this.reorderUs);
    this.corrupt = probability('corrupt', changes.corrupt, this.corrupt);
  }

  /** Nothing on this direction can tell one frame from another but time: 64 KiB segments may stay whole. */
  get perfect(): boolean {
    return (
      this.rateBitsPerSecond === 0 && this.jitterUs === 0 && this.loss === 0 && this.duplicate === 0 &&
      this.reorder === 0 && this.corrupt === 0
    );
  }
}

function amount(name: string, value: number | undefined, before: number): number {
  if (value === undefined) return before;
  if (typeof value !== 'number' || !(value >= 0 && value < Infinity)) throw new RangeError(`${name} must be 0 or more, not ${value}`);
  return value;
}

function probability(name: string, value: number | undefined, before: number): number {
  if (value === undefined) return before;
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) throw new RangeError(`${name} must be between 0 and 1, not ${value}`);
  return value;
}

/** What happened on one direction. Every frame offered is accounted for: see `balance`. */
export class WireStatistics {
  /** Frames offered by the sender, after cutting. */
  offered = 0;
  /** Super-segments that were cut at the door. */
  cutApart = 0;
  /** Frames longer than the wire's MTU. */
  tooBig = 0;
  /** Frames that found the transmitter's queue full. */
  queueDropped = 0;
  lost = 0;
  duplicated = 0;
  corrupted = 0;
  /** Frames that were held back by `reorder`. */
  heldBack = 0;
  /** Frames that arrived after one that had left later. */
  overtaken = 0;
  /** Frames that were on their way when the cable was cut. */
  severed = 0;
  /** Frames handed to the other end. */
  delivered = 0;

  /** Frames that are still on their way. */
  get inFlight(): number {
    const ended = this.tooBig + this.queueDropped + this.lost + this.severed + this.delivered;
    return this.offered + this.duplicated - ended;
  }
}
