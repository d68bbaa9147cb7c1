/**
 * Settings that every interface has of its own: `net.ipv4.conf.NAME.*` and `net.ipv6.conf.NAME.*` (Linux's ipv4_devconf
 * and ipv6_devconf). NAME is an interface, `default` for those that are attached later, or `all`; how `all` and the
 * interface's own value combine differs from setting to setting, and is said where it is read (net/interface.ts).
 *
 * Called by settings.ts for names and texts; the network layer attaches interfaces and reads the fields.
 */

export class Ipv4InterfaceSettings {
  forwarding = 0;
  rpFilter = 0;
  acceptLocal = 0;
  sendRedirects = 1;
  acceptRedirects = 1;
  sharedMedia = 1;
  /** 0: as queriers on the link ask for it. */
  forceIgmpVersion = 0;
  /** Milliseconds. */
  igmpv2UnsolicitedReportInterval = 10000;
  igmpv3UnsolicitedReportInterval = 1000;
}

export class Ipv6InterfaceSettings {
  forwarding = 0;
  acceptRedirects = 1;
  forceMldVersion = 0;
  mldv1UnsolicitedReportInterval = 10000;
  mldv2UnsolicitedReportInterval = 1000;
}

const IPV4_FIELDS: Readonly<Record<string, keyof Ipv4InterfaceSettings>> = {
  forwarding: 'forwarding', rp_filter: 'rpFilter', accept_local: 'acceptLocal', send_redirects: 'sendRedirects',
  accept_redirects: 'acceptRedirects', shared_media: 'sharedMedia', force_igmp_version: 'forceIgmpVersion',
  igmpv2_unsolicited_report_interval: 'igmpv2UnsolicitedReportInterval',
  igmpv3_unsolicited_report_interval: 'igmpv3UnsolicitedReportInterval',
};
const IPV6_FIELDS: Readonly<Record<string, keyof Ipv6InterfaceSettings>> = {
  forwarding: 'forwarding', accept_redirects: 'acceptRedirects', force_mld_version: 'forceMldVersion',
  mldv1_unsolicited_report_interval: 'mldv1UnsolicitedReportInterval',
  mldv2_unsolicited_report_interval: 'mldv2UnsolicitedReportInterval',
};

/** One family's settings of all interfaces. */
export class InterfaceTable<T extends object> {
  readonly all: T;
  readonly default: T;
  private readonly own = new Map<string, T>();
  private readonly make: () => T;

  constructor(make: () => T) {
    this.make = make;
    this.all = make();
    this.default = make();
  }

  /** An interface appears: it begins with the defaults. */
  attach(name: string): T {
    const known = this.own.get(name);
    if (known !== undefined) return known;
    const added = Object.assign(this.make(), this.default);
    this.own.set(name, added);
    return added;
  }

  detach(name: string): void {
    this.own.delete(name);
  }

  find(name: string): T | null {
    if (name === 'all') return this.all;
    return name === 'default' ? this.default : (this.own.get(name) ?? null);
  }

  names(): string[] {
    return ['all', 'default', ...this.own.keys()];
  }

  /** `all`, `default` and every interface. */
  each(change: (settings: T) => void): void {
    for (const name of this.names()) change(this.find(name) as T);
  }
}

/** Where the value of a sysctl name is kept. */
export interface SettingPlace {
  readonly owner: object;
  readonly fields: readonly string[];
}

const NAME = /^net\.ipv([46])\.conf\.(.+)\.(\w+)$/;

export class InterfaceSettings {
  readonly ipv4: InterfaceTable<Ipv4InterfaceSettings> = new InterfaceTable(() => new Ipv4InterfaceSettings());
  readonly ipv6: InterfaceTable<Ipv6InterfaceSettings> = new InterfaceTable(() => new Ipv6InterfaceSettings());

  /** The place of `net.ipv4.conf.eth0.rp_filter`; null when there is no such interface or setting. */
  place(name: string): SettingPlace | null {
    const parts = NAME.exec(name);
    if (parts === null) return null;
    const [, family, device, word] = parts as unknown as [string, string, string, string];
    const owner = family === '4' ? this.ipv4.find(device) : this.ipv6.find(device);
    const fields = family === '4' ? IPV4_FIELDS : IPV6_FIELDS;
    if (owner === null || !Object.hasOwn(fields, word)) return null;
    return { owner, fields: [fields[word] as string] };
  }

  /** A value was set: forwarding on `all` is forwarding everywhere (inet_forward_change, addrconf_fixup_forwarding). */
  written({ owner, fields: [field] }: SettingPlace): void {
    const { ipv4, ipv6 } = this;
    if (field !== 'forwarding') return;
    if (owner === ipv4.all) {
      const { forwarding } = ipv4.all;
      ipv4.each((settings) => (settings.forwarding = forwarding));
      // A router knows its ways better than its neighbours do.
      ipv4.all.acceptRedirects = forwarding === 0 ? 1 : 0;
    } else if (owner === ipv6.all) {
      const { forwarding } = ipv6.all;
      ipv6.each((settings) => (settings.forwarding = forwarding));
    }
  }

  names(): string[] {
    const names = (family: string, devices: readonly string[], words: readonly string[]): string[] =>
      devices.flatMap((device) => words.map((word) => `net.${family}.conf.${device}.${word}`));
    return [
      ...names('ipv4', this.ipv4.names(), Object.keys(IPV4_FIELDS)), ...names('ipv6', this.ipv6.names(), Object.keys(IPV6_FIELDS)),
    ];
  }
}
