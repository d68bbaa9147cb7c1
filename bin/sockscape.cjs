#!/usr/bin/env node
'use strict';
// The `sockscape` command: checks Node's version, then hands over to src/cli/main.ts (built as dist/cli.js).
require('./node-version.cjs')('sockscape');
require('./load.cjs')('../dist/cli.js').catch(function (error) {
  var missing = error && error.code === 'ERR_MODULE_NOT_FOUND' && String(error.message).indexOf('cli.js') >= 0;
  var folder = require('node:path').resolve(__dirname, '..');
  process.stderr.write(
    missing
      ? 'sockscape: not built yet; run `npm install && npm run build` in ' + folder + ' first.\n'
      : (error && error.stack) + '\n'
  );
  process.exit(1);
});
