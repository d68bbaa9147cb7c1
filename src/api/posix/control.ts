/** Control data for programs: CMSG_FIRSTHDR and its kin (socket/control.ts). */
export {
  CMSG_ALIGN, CMSG_LEN, CMSG_SPACE, type ControlMessage, controlData, controlMessage, readControl,
} from '../../socket/control.ts';
