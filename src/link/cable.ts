/**
 * A cable between two devices: two wires, whose weather can be changed while frames are on their way.
 *
 * Worlds make cables (`world.cable`); so does anyone who joins two hosts by hand:
 *
 *   const cable = new Cable(loop, random, { delayUs: 5000, loss: 0.01 });
 *   left.attach(cable.a);
 *   right.attach(cable.b);
 */
import type { Loop } from '../base/loop.ts';
import { type RandomSource, SeededRandom } from '../base/random.ts';
import { Nic } from './nic.ts';
import { Wire } from './wire.ts';
import type { LinkConditions } from './wire-conditions.ts';

export interface CableOptions extends LinkConditions {
  /** Names of the two devices. */
  readonly nameA?: string;
  readonly nameB?: string;
  /** Longest frame without its Ethernet header, also the devices' first MTU: 68 to 65535; 1500. */
  readonly mtuBytes?: number;
  /** Pass 64 KiB segments on uncut while the cable is perfect; true. */
  readonly offload?: boolean;
  /** Both ends merge segments that arrive together (Linux's GRO); true. Captures show single frames either way. */
  readonly receiveOffload?: boolean;
  /** Conditions of one direction alone, on top of those of both. */
  readonly aToB?: LinkConditions;
  readonly bToA?: LinkConditions;
}

/** What `Cable.set` takes. */
export type CableConditions = Pick<CableOptions, keyof LinkConditions | 'aToB' | 'bToA'>;

export class Cable {
  readonly a: Nic;
  readonly b: Nic;
  readonly aToB: Wire;
  readonly bToA: Wire;
  /** Hears in words of what is done to it. */
  onFault: ((what: string) => void) | null = null;

  /** The directions draw from generators of their own: traffic one way leaves the other way's faults alone. */
  constructor(loop: Loop, random: RandomSource, options: CableOptions = {}) {
    const mtuBytes = options.mtuBytes ?? 1500;
    // The limits that Linux gives its Ethernet devices (ETH_MIN_MTU, ETH_MAX_MTU).
    if (!Number.isInteger(mtuBytes) || mtuBytes < 68 || mtuBytes > 65535) throw new RangeError(`no MTU of a cable: ${mtuBytes}`);
    const offload = options.offload ?? true;
    this.a = new Nic(options.nameA ?? 'eth0', mtuBytes);
    this.b = new Nic(options.nameB ?? 'eth0', mtuBytes);
    this.aToB = new Wire(loop, new SeededRandom(random.int32()), this.b, mtuBytes, offload);
    this.bToA = new Wire(loop, new SeededRandom(random.int32()), this.a, mtuBytes, offload);
    this.a.wire = this.aToB;
    this.b.wire = this.bToA;
    // Locally administered addresses (02:00:...), so that two ends never share one; worlds choose nicer ones.
    for (const end of [this.a, this.b]) {
      end.receiveOffload = options.receiveOffload ?? true;
      end.macHi = 0x0200;
      end.macLo = random.int32();
    }
    this.change(options);
  }

  /** Changes the weather from the next frame on; what is left out stays as it was. */
  set(options: CableConditions): void {
    this.change(options);
    this.tell(`set ${words(options)}`);
  }

  private change(options: CableConditions): void {
    this.aToB.conditions.set(options);
    this.bToA.conditions.set(options);
    if (options.aToB !== undefined) this.aToB.conditions.set(options.aToB);
    if (options.bToA !== undefined) this.bToA.conditions.set(options.bToA);
    this.aToB.conditionsChanged();
    this.bToA.conditionsChanged();
  }

  get connected(): boolean {
    return this.a.carrier;
  }

  /** Cuts the cable: both ends lose their carrier, and what is on the way is gone. (`loss: 1` is the silent kind.) */
  cut(): void {
    this.sever();
    if (!this.connected) return;
    this.setCarrier(false);
    this.tell('cut');
  }

  /**
   * Nothing passes any more in one direction, or in both, and the ends do not see it: their carrier stays. `mend` ends it.
   * No FIN, no RST, no ICMP: whoever waits learns of it by silence.
   */
  block(direction: 'aToB' | 'bToA' | 'both' = 'both'): void {
    if (direction !== 'aToB' && direction !== 'bToA' && direction !== 'both') {
      throw new TypeError(`cable.block: takes 'aToB', 'bToA' or 'both', not '${String(direction)}'`);
    }
    if (direction !== 'bToA') this.aToB.block(true);
    if (direction !== 'aToB') this.bToA.block(true);
    this.tell(direction === 'both' ? 'blocked' : `blocked ${direction === 'aToB' ? 'from a to b' : 'from b to a'}`);
  }

  /** Everything on the way is gone. */
  sever(): void {
    this.aToB.sever();
    this.bToA.sever();
  }

  /** Joins the ends again, and lets everything pass: the end of `cut` and of `block`. */
  mend(): void {
    if (this.connected && !this.aToB.isBlocked && !this.bToA.isBlocked) return;
    this.aToB.block(false);
    this.bToA.block(false);
    this.setCarrier(true);
    this.tell('mended');
  }

  private tell(what: string): void {
    if (this.onFault !== null) this.onFault(what);
  }

  private setCarrier(carrier: boolean): void {
    for (const end of [this.a, this.b]) {
      if (end.carrier === carrier) continue;
      end.carrier = carrier;
      if (end.input !== null) end.input.deviceChanged(end);
    }
  }
}

/** Conditions as one line: `loss=0.1 aToB.delayUs=5000`. */
function words(options: CableConditions): string {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (typeof value !== 'object') return [`${name}=${value}`];
    return Object.entries(value).map(([inner, one]) => `${name}.${inner}=${typeof one === 'object' ? JSON.stringify(one) : one}`);
  }).join(' ');
}
