/** The resolver of api/posix as the handles of api/node ask for it (libuv's getaddrinfo and getnameinfo). */
import type { NameService } from '../../api/node/node-program.ts';
import { GaiError } from '../../api/posix/gai-error.ts';
import { getaddrinfo } from '../../api/posix/getaddrinfo.ts';
import { getnameinfo } from '../../api/posix/getnameinfo.ts';
import {
  EAI_ADDRFAMILY, EAI_AGAIN, EAI_BADFLAGS, EAI_FAIL, EAI_FAMILY, EAI_MEMORY, EAI_NODATA, EAI_NONAME, EAI_SERVICE, EAI_SOCKTYPE,
} from '../../api/posix/netdb-constants.ts';
import { AF_INET, AF_INET6, AF_UNSPEC, SOCK_STREAM } from '../../api/posix/constants.ts';
import { Process } from '../../api/posix/process.ts';
import { readSockaddr, sockaddrIn, sockaddrIn6 } from '../../api/posix/sockaddr.ts';
import type { Host } from '../../host.ts';
import type { KernelProcess } from '../../kernel/process.ts';

/** libuv's numbers (uv-errno.h): glibc's are small ones. */
const UV_EAI: ReadonlyMap<number, number> = new Map([
  [EAI_ADDRFAMILY, -3000], [EAI_AGAIN, -3001], [EAI_BADFLAGS, -3002], [EAI_FAIL, -3004], [EAI_FAMILY, -3005], [EAI_MEMORY, -3006],
  [EAI_NODATA, -3007], [EAI_NONAME, -3008], [EAI_SERVICE, -3010], [EAI_SOCKTYPE, -3011],
]);

export function nameService(host: Host, core: KernelProcess): NameService {
  const process = new Process(host, core);
  return {
    async addresses(name, family, flags) {
      // Node counts families as 4 and 6.
      const af = family === 4 ? AF_INET : family === 6 ? AF_INET6 : AF_UNSPEC;
      try {
        const found = await getaddrinfo(process, name, null, { flags, family: af, socktype: SOCK_STREAM });
        return found.map(({ addr }) => (readSockaddr(addr) as { address: string }).address);
      } catch (error) {
        return numberOf(error);
      }
    },
    async names(address, port) {
      try {
        return await getnameinfo(process, address.includes(':') ? sockaddrIn6(address, port) : sockaddrIn(address, port), 0);
      } catch (error) {
        return numberOf(error);
      }
    },
  };
}

/** What libuv calls the error; a failed call is what its errno says. */
function numberOf(error: unknown): number {
  if (!(error instanceof GaiError)) throw error;
  const known = UV_EAI.get(error.errno);
  if (known !== undefined) return known;
  const { cause } = error as { cause?: { errno?: number } };
  return cause?.errno === undefined ? -3004 : -Math.abs(cause.errno);
}
