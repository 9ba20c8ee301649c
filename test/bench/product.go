package main

import "github.com/fenced-project/fenced/test/product"

// product makes the binaries, or takes those of FENCED_TEST_BUILD.
func (r *run) product() error {
	r.say("building the product")
	var err error
	r.build, err = product.Dir()
	return err
}
