package member

import "testing"

func TestNothingIsAskedWhileDevicesChange(t *testing.T) { // R16, V6: from first read to last an operation asks what its claim's roster names
	c := newCluster(t, 3, true)
	victim3(c)
	c.run(300)
	one := c.n(1)
	if len(one.ops) != 1 || one.ops[0].done {
		t.Fatalf("%d walks", len(one.ops))
	}
	c.give(one, DevicesChange{})
	if !one.ops[0].done {
		t.Fatal("the walk goes on with devices that are about to be others")
	}
	c.give(c.n(2), DevicesChange{})
	c.dead[3] = false
	c.run(30_000)
	if len(one.ops) != 1 || len(c.n(2).ops) != 0 || c.offs[3] != 0 {
		t.Fatalf("%d and %d walks, %d offs while the devices change", len(one.ops), len(c.n(2).ops), c.offs[3])
	}
	c.give(one, DevicesChange{Done: true})
	c.run(30_000)
	if c.offs[3] != 1 || c.dom(1).Node(3).Victim != nil {
		t.Fatalf("%d offs, %+v", c.offs[3], c.dom(1).Node(3).Victim)
	}
}
