/**
 * What each link type means to a filter: where headers begin, and how the protocol inside is told.
 *
 * Asked by generate.ts. A `vlan` in the expression shifts what stands behind it, so that the offsets are fields. Formats:
 * https://www.tcpdump.org/linktypes.html, IEEE 802.3 and 802.2 (LLC, SNAP).
 */
import { LinkType } from '../wire/link-type.ts';
import { EtherType } from '../wire/protocols.ts';
import { ANCILLARY_AREA, Ancillary } from './ancillary.ts';
import { ALWAYS, and, compare, NEVER, not, or, type Decision, staged } from './decision.ts';
import type { Size, Value, ValueTable } from './value.ts';

/** Types up to this one are lengths of 802.3 frames, and LLC service access points in filters. */
const LARGEST_LENGTH = 1500;

/** Protocols by what `ether proto` calls them: EtherTypes and, below 0x600, LLC service access points. */
export const ETHERNET_PROTOCOLS = {
  ip: EtherType.Ipv4,
  ip6: EtherType.Ipv6,
  arp: EtherType.Arp,
  rarp: 0x8035,
  aarp: 0x80f3,
  atalk: 0x809b,
  decnet: 0x6003,
  lat: 0x6004,
  loopback: 0x9000,
  mopdl: 0x6001,
  moprc: 0x6002,
  sca: 0x6007,
  iso: 0xfe,
  stp: 0x42,
  ipx: 0xe0,
  netbeui: 0xf0,
} as const;

const IPX_ETHER_TYPE = 0x8137;
const PPPOE_DISCOVERY = 0x8863;
/** sll_protocol in cooked captures: 802.2 LLC follows, and Novell's raw 802.3. */
const COOKED_LLC = 4;
const COOKED_RAW_802_3 = 1;
/** sll_pkttype: the packet was sent by this host. */
const PACKET_OUTGOING = 4;
/** Address families in front of BSD loopback packets; IPv6's differs from system to system. */
const FAMILY_IPV4 = 2;
const FAMILIES_IPV6 = [30, 24, 28];
/** 802.1Q, 802.1ad, and the number in use before that. */
const VLAN_TYPES = [EtherType.Vlan, EtherType.QinQ, 0x9100];
const VLAN_TAG_LEN = 4;
const VLAN_ID_MASK = 0xfff;

/** How the protocol inside is told. */
type Form = 'ethernet' | 'cooked' | 'type' | 'version' | 'family' | 'only-ipv4' | 'only-ipv6';

interface Layout {
  readonly name: string;
  readonly form: Form;
  readonly typeAt: number;
  readonly networkAt: number;
}

const LAYOUTS: ReadonlyMap<number, Layout> = new Map([
  [LinkType.Ethernet, { name: 'Ethernet', form: 'ethernet', typeAt: 12, networkAt: 14 }],
  [LinkType.LinuxSll, { name: 'Linux cooked v1', form: 'cooked', typeAt: 14, networkAt: 16 }],
  [LinkType.LinuxSll2, { name: 'Linux cooked v2', form: 'type', typeAt: 0, networkAt: 20 }],
  [LinkType.Raw, { name: 'raw IP', form: 'version', typeAt: 0, networkAt: 0 }],
  [LinkType.RawBsd, { name: 'raw IP', form: 'version', typeAt: 0, networkAt: 0 }],
  [LinkType.RawOpenBsd, { name: 'raw IP', form: 'version', typeAt: 0, networkAt: 0 }],
  [LinkType.Ipv4, { name: 'raw IPv4', form: 'only-ipv4', typeAt: 0, networkAt: 0 }],
  [LinkType.Ipv6, { name: 'raw IPv6', form: 'only-ipv6', typeAt: 0, networkAt: 0 }],
  [LinkType.Null, { name: 'BSD loopback', form: 'family', typeAt: 0, networkAt: 4 }],
  [LinkType.Loop, { name: 'OpenBSD loopback', form: 'family', typeAt: 0, networkAt: 4 }],
] satisfies [number, Layout][]);

export class LinkLayer {
  readonly name: string;
  readonly isEthernet: boolean;
  /** Where the network header begins. */
  networkAt: number;
  /** Behind the first `vlan` of a live capture: what is asked depends on where the tag was found (`behindTag`). */
  isStaged = false;
  private typeAt: number;
  private readonly isLive: boolean;
  private readonly form: Form;
  private readonly linkType: number;
  private readonly isLittleEndian: boolean;
  private readonly values: ValueTable;

  /**
   * Null for link types that filters are not made for. `isLittleEndian`: the order in which LinkType.Null was written;
   * `isLive`: the program runs in a packet socket, which knows more of a packet than its bytes.
   */
  static of(linkType: number, isLittleEndian: boolean, isLive: boolean, values: ValueTable): LinkLayer | null {
    const layout = LAYOUTS.get(linkType);
    return layout === undefined ? null : new LinkLayer(linkType, layout, isLittleEndian, isLive, values);
  }

  private constructor(linkType: number, layout: Layout, isLittleEndian: boolean, isLive: boolean, values: ValueTable) {
    this.linkType = linkType;
    this.isLive = isLive;
    this.name = layout.name;
    this.form = layout.form;
    this.isEthernet = layout.form === 'ethernet';
    this.typeAt = layout.typeAt;
    this.networkAt = layout.networkAt;
    this.isLittleEndian = isLittleEndian;
    this.values = values;
  }

  /** Whether the packet's protocol is `type`: an EtherType, or up to 1500 an LLC service access point. */
  isProtocol(type: number): Decision {
    switch (this.form) {
      case 'ethernet':
        return this.isEthernetProtocol(type);
      case 'cooked':
        return this.isCookedProtocol(type);
      case 'type':
        // Deviation: LLC is not looked into here, since libpcap does not.
        return this.isType(type);
      case 'version':
        if (type === EtherType.Ipv4) return this.masked(0, 0xf0, 0x40);
        return type === EtherType.Ipv6 ? this.masked(0, 0xf0, 0x60) : NEVER;
      case 'family':
        if (type === EtherType.Ipv4) return this.isFamily(FAMILY_IPV4);
        return type === EtherType.Ipv6 ? or(...FAMILIES_IPV6.map((family) => this.isFamily(family))) : NEVER;
      case 'only-ipv4':
        return type === EtherType.Ipv4 ? ALWAYS : NEVER;
      case 'only-ipv6':
        return type === EtherType.Ipv6 ? ALWAYS : NEVER;
    }
  }

  /**
   * Behind a VLAN tag from here on; returns the test for one (of `id`, unless that is null). Ethernet only.
   *
   * In a live capture the outermost tag may have been taken out of the frame, and is a fact about it then. Where it has not,
   * all that is asked later, on this way through the filter, lies behind the tag: a packet that the filter never asked for
   * its tag is read as one without.
   */
  enterVlan(id: number | null): Decision {
    if (this.isLive && !this.isStaged) {
      this.isStaged = true;
      const wasTakenOut = this.equals(this.fact(1, Ancillary.VlanTagPresent), 1);
      const isTagged = or(wasTakenOut, { kind: 'shift', of: this.isTagged() });
      return and(isTagged, staged(this.isVlan(this.fact(1, Ancillary.VlanTag), id), this.isVlan(this.load(2, this.networkAt), id)));
    }
    const test = (): Decision => and(this.isTagged(), this.isVlan(this.load(2, this.networkAt), id));
    const plain = test();
    const decision = this.isStaged ? staged(plain, this.behindTag(test)) : plain;
    this.move(VLAN_TAG_LEN);
    return decision;
  }

  /** What `ask` makes when the headers lie behind one more tag than they do now. */
  behindTag(ask: () => Decision): Decision {
    this.move(VLAN_TAG_LEN);
    const decision = ask();
    this.move(-VLAN_TAG_LEN);
    return decision;
  }

  private move(by: number): void {
    this.typeAt += by;
    this.networkAt += by;
  }

  private isTagged(): Decision {
    return or(...VLAN_TYPES.map((type) => this.isType(type)));
  }

  private isVlan(tag: Value, id: number | null): Decision {
    if (id === null) return ALWAYS;
    return this.equals(this.values.binary('&', tag, this.values.constant(VLAN_ID_MASK)), id);
  }

  /** What the kernel knows of a packet beside its bytes. */
  private fact(size: Size, which: number): Value {
    return this.values.load(size, ANCILLARY_AREA + which);
  }

  isPppoeDiscovery(): Decision {
    return this.isProtocol(PPPOE_DISCOVERY);
  }

  /** Sent by the capturing host; null where the link type does not say. */
  isOutgoing(): Decision | null {
    switch (this.linkType) {
      case LinkType.LinuxSll:
        return this.equals(this.load(2, 0), PACKET_OUTGOING);
      case LinkType.LinuxSll2:
        return this.equals(this.load(1, 10), PACKET_OUTGOING);
      default:
        return this.isLive ? this.equals(this.fact(2, Ancillary.PacketType), PACKET_OUTGOING) : null;
    }
  }

  /** Captured at this interface; null where the link type does not say. */
  isInterface(index: number): Decision | null {
    if (this.linkType === LinkType.LinuxSll2) return this.equals(this.load(4, 4), index);
    return this.isLive ? this.equals(this.fact(4, Ancillary.InterfaceIndex), index) : null;
  }

  private isEthernetProtocol(type: number): Decision {
    const isLengthField = (): Decision =>
      not(compare(this.values, this.load(2, this.typeAt), 'greater', this.values.constant(LARGEST_LENGTH)));
    switch (type) {
      case ETHERNET_PROTOCOLS.iso:
      case ETHERNET_PROTOCOLS.netbeui:
        return and(isLengthField(), this.hasBothAccessPoints(type));
      case ETHERNET_PROTOCOLS.ipx:
        // Also the raw 802.3 frames of Novell, whose packets begin with a checksum of all ones.
        return or(
          this.isType(IPX_ETHER_TYPE),
          and(
            isLengthField(),
            or(this.isSnap(0, IPX_ETHER_TYPE), this.hasAccessPoint(type), this.equals(this.load(2, this.networkAt), 0xffff)),
          ),
        );
      case ETHERNET_PROTOCOLS.atalk:
        return or(this.isType(type), and(isLengthField(), this.isSnap(0x080007, type)));
      case ETHERNET_PROTOCOLS.aarp:
        return or(this.isType(type), and(isLengthField(), this.isSnap(0, type)));
      default:
        return type <= LARGEST_LENGTH ? and(isLengthField(), this.hasAccessPoint(type)) : this.isType(type);
    }
  }

  private isCookedProtocol(type: number): Decision {
    const isLlc = this.isType(COOKED_LLC);
    switch (type) {
      case ETHERNET_PROTOCOLS.iso:
      case ETHERNET_PROTOCOLS.netbeui:
        return and(isLlc, this.hasBothAccessPoints(type));
      case ETHERNET_PROTOCOLS.ipx:
        return or(
          this.isType(IPX_ETHER_TYPE),
          this.isType(COOKED_RAW_802_3),
          and(isLlc, or(this.hasAccessPoint(type), this.isSnap(0, IPX_ETHER_TYPE))),
        );
      case ETHERNET_PROTOCOLS.atalk:
        return or(this.isType(type), and(isLlc, this.isSnap(0x080007, type)));
      case ETHERNET_PROTOCOLS.aarp:
        return or(this.isType(type), and(isLlc, this.isSnap(0, type)));
      default:
        return type <= LARGEST_LENGTH ? and(isLlc, this.hasAccessPoint(type)) : this.isType(type);
    }
  }

  private isType(type: number): Decision {
    return this.equals(this.load(2, this.typeAt), type);
  }

  /** The destination's access point only. */
  private hasAccessPoint(point: number): Decision {
    return this.equals(this.load(1, this.networkAt), point);
  }

  private hasBothAccessPoints(point: number): Decision {
    return this.equals(this.load(2, this.networkAt), (point << 8) | point);
  }

  /** SNAP: access points 0xaa, unnumbered information, the vendor's three bytes, the type's two. */
  private isSnap(vendor: number, type: number): Decision {
    return and(
      this.equals(this.load(4, this.networkAt + 4), ((vendor << 16) | type) >>> 0),
      this.equals(this.load(4, this.networkAt), (0xaaaa0300 | (vendor >>> 16)) >>> 0),
    );
  }

  private isFamily(family: number): Decision {
    const isSwapped = this.linkType === LinkType.Null && this.isLittleEndian;
    return this.equals(this.load(4, this.typeAt), isSwapped ? family << 24 : family);
  }

  private masked(at: number, mask: number, k: number): Decision {
    return this.equals(this.values.binary('&', this.load(1, at), this.values.constant(mask)), k);
  }

  private equals(value: Value, k: number): Decision {
    return compare(this.values, value, 'equal', this.values.constant(k));
  }

  private load(size: Size, at: number): Value {
    return this.values.load(size, at);
  }
}
