'use strict';
// `node scripts/run.cjs NAME ...`: scripts/NAME.mjs behind the check of Node's version, for commands on a fresh clone.
var name = process.argv[2];
require('../bin/node-version.cjs')('sockscape');
process.argv.splice(2, 1);
process.argv[1] = __dirname + '/' + name + '.mjs';
require('../bin/load.cjs')('../scripts/' + name + '.mjs').catch(function (error) {
  process.stderr.write((error && error.stack) + '\n');
  process.exit(1);
});
