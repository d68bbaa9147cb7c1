'use strict';
// Loads an ES module. A file of its own, since a Node that knows no `import()` cannot even parse it.
module.exports = function load(url) {
  return import(url);
};
