'use strict';
// Refuses a Node that is too old with one clear sentence. Plain old JavaScript, so that such a Node can still read it.
var NEEDED = [20, 19];

module.exports = function refuseOldNode(program, found) {
  var version = (found || process.versions.node).split('.').map(Number);
  if (version[0] > NEEDED[0] || (version[0] === NEEDED[0] && version[1] >= NEEDED[1])) return;
  process.stderr.write(
    program + ': Node ' + NEEDED.join('.') + ' or newer is needed; this one is ' + version.join('.') + '.\n'
  );
  process.exit(1);
};
