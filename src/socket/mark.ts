import { Capability, type Credentials } from '../base/credentials.ts';

/** Who may change what packets carry (sockopt_ns_capable of CAP_NET_RAW or CAP_NET_ADMIN). */
export function mayMark(credentials: Credentials): boolean {
  return credentials.has(Capability.NET_RAW) || credentials.has(Capability.NET_ADMIN);
}
