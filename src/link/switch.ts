/**
 * A learning switch (IEEE 802.1D clause 7, without spanning tree): frames go where their destination was last heard,
 * and everywhere else when it was not.
 *
 * Its ports are ordinary cable ends; the switch stands above them as a host's network layer would.
 */
import type { Loop } from '../base/loop.ts';
import { ETHERNET_HEADER_LEN, EthernetHeader, isMulticastMac } from '../wire/ethernet.ts';
import type { Device, NetInput } from './device.ts';
import type { Packet } from './packet.ts';

/** 802.1D table 7-5: how long an address is remembered. */
const AGEING_US = 300e6;
/** Addresses in the table; further ones are not learnt, their frames are flooded. */
const TABLE_LIMIT = 4096;

/** 01:80:c2:00:00:00 to 0f: for the bridge itself, never forwarded (802.1D table 7-10). */
const RESERVED_HI = 0x0180;
const RESERVED_LO = 0xc2000000 | 0;

export interface SwitchOptions {
  readonly ageingUs?: number;
  readonly tableLimit?: number;
}

export class SwitchStatistics {
  forwarded = 0;
  flooded = 0;
  /** The destination is on the port where the frame came from. */
  filtered = 0;
  malformed = 0;
  /** Source addresses that found the table full. */
  notLearnt = 0;
}

/** Where an address was heard. Addresses with equal last four bytes form a chain. */
class Station {
  readonly hi: number;
  port: Device;
  seenAt: number;
  next: Station | null;

  constructor(hi: number, port: Device, seenAt: number, next: Station | null) {
    this.hi = hi;
    this.port = port;
    this.seenAt = seenAt;
    this.next = next;
  }
}

export class Switch implements NetInput {
  readonly ports: Device[] = [];
  readonly statistics: SwitchStatistics = new SwitchStatistics();
  private readonly loop: Loop;
  private readonly ageingUs: number;
  private readonly tableLimit: number;
  /** By the last four bytes: an int32 key costs a lookup no memory. */
  private readonly table = new Map<number, Station>();
  private stations = 0;
  private readonly header = new EthernetHeader();

  constructor(loop: Loop, options: SwitchOptions = {}) {
    this.loop = loop;
    this.ageingUs = options.ageingUs ?? AGEING_US;
    this.tableLimit = options.tableLimit ?? TABLE_LIMIT;
  }

  /** Addresses in the table, those grown old included. */
  get tableSize(): number {
    return this.stations;
  }

  /** Makes a cable's end a port of this switch. */
  attach(port: Device): void {
    if (port.input !== null) throw new Error(`${port.name} is attached already`);
    port.input = this;
    // What is forwarded leaves as the frames that came.
    port.receiveOffload = false;
    this.ports.push(port);
  }

  frameInput(port: Device, p: Packet): void {
    const { header, statistics } = this;
    if (!p.pull(ETHERNET_HEADER_LEN) || !header.parse(p.view, p.head, p.headEnd, p.length)) {
      statistics.malformed++;
      p.release();
      return;
    }
    this.learn(header.srcHi, header.srcLo, port);
    if (isMulticastMac(header.dstHi)) {
      if (header.dstHi === RESERVED_HI && (header.dstLo & ~0xf) === RESERVED_LO) {
        statistics.filtered++;
        p.release();
      } else {
        this.flood(port, p);
      }
      return;
    }
    const station = this.find(header.dstHi, header.dstLo);
    if (station === null) {
      this.flood(port, p);
    } else if (station.port === port) {
      statistics.filtered++;
      p.release();
    } else {
      statistics.forwarded++;
      station.port.transmit(p);
    }
  }

  /** A port that lost its carrier forgets who was behind it: they may come back elsewhere. */
  deviceChanged(port: Device): void {
    if (!port.carrier || !port.up) this.forget((station) => station.port === port);
  }

  private flood(from: Device, p: Packet): void {
    this.statistics.flooded++;
    let previous: Device | null = null;
    for (const port of this.ports) {
      if (port === from || !port.up || !port.carrier) continue;
      if (previous !== null) previous.transmit(p.clone());
      previous = port;
    }
    if (previous === null) p.release();
    else previous.transmit(p);
  }

  /** The station with this address, unless it was not heard for too long. */
  private find(hi: number, lo: number): Station | null {
    let station = this.table.get(lo) ?? null;
    while (station !== null && station.hi !== hi) station = station.next;
    return station !== null && this.loop.now - station.seenAt <= this.ageingUs ? station : null;
  }

  private learn(hi: number, lo: number, port: Device): void {
    // A group address cannot send; whoever claims it must not draw its traffic to himself.
    if (isMulticastMac(hi)) return;
    const first = this.table.get(lo) ?? null;
    for (let station = first; station !== null; station = station.next) {
      if (station.hi !== hi) continue;
      station.port = port;
      station.seenAt = this.loop.now;
      return;
    }
    if (this.stations >= this.tableLimit) {
      const oldest = this.loop.now - this.ageingUs;
      this.forget((station) => station.seenAt < oldest);
      if (this.stations >= this.tableLimit) {
        this.statistics.notLearnt++;
        return;
      }
    }
    this.table.set(lo, new Station(hi, port, this.loop.now, this.table.get(lo) ?? null));
    this.stations++;
  }

  private forget(gone: (station: Station) => boolean): void {
    for (const [lo, first] of this.table) {
      let kept: Station | null = null;
      for (let station: Station | null = first; station !== null; ) {
        const next: Station | null = station.next;
        if (gone(station)) {
          this.stations--;
        } else {
          station.next = kept;
          kept = station;
        }
        station = next;
      }
      if (kept === null) this.table.delete(lo);
      else this.table.set(lo, kept);
    }
  }
}
