/** The entry `sockscape/node`: what programs in Node can ask beside Node's own modules. */
export { getsockopt, setsockopt } from '../api/node/socket-options.ts';
