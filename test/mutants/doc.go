// Command mutants proves that the tests guard the rules: it breaks one rule at a time, as a small mistake would, and demands that the test
// named for that rule fails.
//
// Each *.patch here is one mutant: a header that names the rule, the accident and the test that must catch it, and a unified diff of a line
// or a few. A mutant that no test catches (SURVIVED) is a missing test, never a reason to weaken the patch; a patch that does not apply any
// more, does not compile, or whose test does not pass without it, proves nothing and is a failure too.
//
// It works on copies in a temporary directory and never writes to the checkout but for build/mutants.json. What ends a machine is out of its
// reach: a patch may not touch the real calls of internal/reset, what is around them is proven only by that package's own tests, which
// have replaced them, and no test gets FENCED_ALLOW_RESET.
//
// Start reading at patch.go (what a mutant is), then prove.go (what is demanded of it).
package main
