/** Every program of the oracle. */
import type { Program } from '../program.ts';
import { programs as batches } from './batches.ts';
import { programs as binding } from './binding.ts';
import { programs as connecting } from './connecting.ts';
import { programs as credentials } from './credentials.ts';
import { programs as datagramControl } from './datagram-control.ts';
import { programs as datagramErrors } from './datagram-errors.ts';
import { programs as datagrams } from './datagrams.ts';
import { programs as endings } from './endings.ts';
import { programs as errorsOfDescriptors } from './errors-descriptors.ts';
import { programs as errorsOfIpc } from './errors-ipc.ts';
import { programs as errorsOfPaths } from './errors-paths.ts';
import { programs as events } from './events.ts';
import { programs as fileState } from './file-state.ts';
import { programs as files } from './files.ts';
import { programs as foundAtRandom } from './found-at-random.ts';
import { programs as firstProcess } from './first-process.ts';
import { programs as interruptions } from './interruptions.ts';
import { programs as ipc } from './ipc.ts';
import { programs as maskedWaits } from './masked-waits.ts';
import { programs as multicastDevices } from './multicast-devices.ts';
import { programs as leftAtTheEnd } from './left-at-the-end.ts';
import { programs as multicast } from './multicast.ts';
import { programs as netlinkDumps } from './netlink-dumps.ts';
import { programs as netlinkRoute } from './netlink-route.ts';
import { programs as netlink } from './netlink.ts';
import { programs as optionEffects } from './option-effects.ts';
import { programs as optionWalk } from './option-walk.ts';
import { programs as options } from './options.ts';
import { programs as packetOld } from './packet-old.ts';
import { programs as packets } from './packets.ts';
import { programs as ping } from './ping.ts';
import { programs as pipes } from './pipes.ts';
import { programs as procColumns } from './proc-columns.ts';
import { programs as proc } from './proc.ts';
import { programs as processes } from './processes.ts';
import { programs as queueNotices } from './queue-notices.ts';
import { programs as raw } from './raw.ts';
import { programs as signalDescriptors } from './signal-descriptors.ts';
import { programs as signalSources } from './signal-sources.ts';
import { programs as signals } from './signals.ts';
import { programs as sockDiag } from './sock-diag.ts';
import { programs as sockets } from './sockets.ts';
import { programs as splices } from './splices.ts';
import { programs as streams } from './streams.ts';
import { programs as timers } from './timers.ts';
import { programs as udpSegments } from './udp-segments.ts';
import { programs as unixControl } from './unix-control.ts';
import { programs as unixDatagrams } from './unix-datagrams.ts';
import { programs as unixNames } from './unix-names.ts';
import { programs as unixStreams } from './unix-streams.ts';
import { programs as unixWalks } from './unix-walks.ts';
import { programs as userLimits } from './user-limits.ts';
import { programs as waiting } from './waiting.ts';

export const PROGRAMS: readonly Program[] = [
  ...sockets, ...binding, ...connecting, ...streams, ...datagrams, ...endings, ...options, ...optionWalk, ...optionEffects,
  ...waiting, ...unixNames, ...unixStreams, ...unixDatagrams, ...unixControl, ...unixWalks, ...datagramControl,
  ...datagramErrors, ...raw, ...ping, ...files, ...pipes, ...events, ...ipc, ...splices, ...signals, ...interruptions,
  ...signalSources, ...processes, ...firstProcess, ...credentials, ...packets, ...netlink, ...netlinkDumps, ...batches, ...maskedWaits,
  ...signalDescriptors,
  ...timers, ...proc, ...procColumns, ...netlinkRoute, ...foundAtRandom, ...multicast, ...multicastDevices, ...errorsOfPaths,
  ...errorsOfDescriptors, ...errorsOfIpc, ...udpSegments, ...fileState, ...queueNotices, ...packetOld, ...sockDiag,
  ...userLimits, ...leftAtTheEnd,
];
