// Package product is the one place where tests get the built product from: fenced, fenced-watchdog, fenced-dev and every bundled plugin, in one directory.
//
// FENCED_TEST_BUILD names a directory that is there already (`make build` made it, and `make verify` says so). Without it the product is built
// from the sources of this module into build/product/, once: the next test binary gets what is there. Correct when sources change, because it is
// always go build that decides what is current, and each different result has a directory of its own, so that daemons which still run are
// not written over. What nobody asked for during a day is removed.
//
// Start reading at Dir; Source builds other sources or the same with other variables, which is how a test gets two builds.
package product
