package pdu

import (
	"fmt"
	"slices"
)

// Model is how a family's agent looks: objects by number, as its vendor numbers them.
type Model struct {
	Name, SysObjectID string
	// Status, Control and Label are the objects of outlet %d.
	Status, Control, Label string
	On, Off                int
	CommandOn, CommandOff  int
	// First is the number of the first outlet; Labels are of type string.
	First int
	// Mirror is one more object that follows the state, "" for none: a port's ifOperStatus.
	Mirror string
	// Pending is an object that is 1 while something is still to come for the outlet and else 2, "" for none.
	Pending string
	// Older names another model whose objects it has as well: vendors keep them.
	Older string
}

// Models are the families that this agent can be.
var Models = []Model{
	{
		Name: "apc-rpdu", SysObjectID: ".1.3.6.1.4.1.318.1.3.4.5", Status: ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.%d", Control: ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.%d",
		Label: ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.2.%d", On: 1, Off: 2, CommandOn: 1, CommandOff: 2, First: 1,
	},
	{
		Name: "apc-masterswitch-plus", SysObjectID: ".1.3.6.1.4.1.318.1.3.4.4", Status: ".1.3.6.1.4.1.318.1.1.6.7.1.1.5.1.1.%d", Control: ".1.3.6.1.4.1.318.1.1.6.5.1.1.5.1.1.%d",
		Label: ".1.3.6.1.4.1.318.1.1.6.7.1.1.4.1.1.%d", On: 1, Off: 2, CommandOn: 1, CommandOff: 3, First: 1,
	},
	{
		Name: "apc-masterswitch", SysObjectID: ".1.3.6.1.4.1.318.1.3.4.1", Status: ".1.3.6.1.4.1.318.1.1.4.4.2.1.3.%d", Control: ".1.3.6.1.4.1.318.1.1.4.4.2.1.3.%d",
		Label: ".1.3.6.1.4.1.318.1.1.4.4.2.1.4.%d", On: 1, Off: 2, CommandOn: 1, CommandOff: 2, First: 1,
	},
	{
		Name: "apc-masterswitch-6", SysObjectID: ".1.3.6.1.4.1.318.1.3.4.6", Status: ".1.3.6.1.4.1.318.1.1.4.4.2.1.3.%d", Control: ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.%d",
		Label: ".1.3.6.1.4.1.318.1.1.4.4.2.1.4.%d", On: 1, Off: 2, CommandOn: 1, CommandOff: 2, First: 1,
	},
	{
		Name: "apc-rpdu2", SysObjectID: ".1.3.6.1.4.1.318.1.3.4.6", Status: ".1.3.6.1.4.1.318.1.1.26.9.2.3.1.5.%d", Control: ".1.3.6.1.4.1.318.1.1.26.9.2.4.1.5.%d",
		Label: ".1.3.6.1.4.1.318.1.1.26.9.2.3.1.3.%d", On: 2, Off: 1, CommandOn: 1, CommandOff: 2, First: 1, Pending: ".1.3.6.1.4.1.318.1.1.26.9.2.3.1.6.%d",
		Older: "apc-masterswitch-6",
	},
	{
		Name: "tripplite", SysObjectID: ".1.3.6.1.4.1.850.1", Status: ".1.3.6.1.4.1.850.10.2.3.5.1.2.1.%d", Control: ".1.3.6.1.4.1.850.10.2.3.5.1.4.1.%d",
		Label: ".1.3.6.1.4.1.850.10.2.3.5.1.5.%d", On: 2, Off: 1, CommandOn: 2, CommandOff: 1, First: 1,
	},
	{
		Name: "tripplite-lx", SysObjectID: ".1.3.6.1.4.1.850.1.1.1", Status: ".1.3.6.1.4.1.850.1.1.3.2.3.3.1.1.4.1.%d", Control: ".1.3.6.1.4.1.850.1.1.3.2.3.3.1.1.6.1.%d",
		Label: ".1.3.6.1.4.1.850.1.1.3.2.3.3.1.1.2.1.%d", On: 2, Off: 1, CommandOn: 2, CommandOff: 1, First: 1,
	},
	{
		Name: "eaton-managed", SysObjectID: ".1.3.6.1.4.1.534.6.6.6", Status: ".1.3.6.1.4.1.534.6.6.6.1.2.2.1.3.%d", Control: ".1.3.6.1.4.1.534.6.6.6.1.2.2.1.3.%d",
		Label: ".1.3.6.1.4.1.534.6.6.6.1.2.2.1.1.%d", On: 1, Off: 0, CommandOn: 1, CommandOff: 0, First: 0,
	},
	{
		Name: "if-mib", SysObjectID: ".1.3.6.1.4.1.9.1.1", Status: ".1.3.6.1.2.1.2.2.1.7.%d", Control: ".1.3.6.1.2.1.2.2.1.7.%d",
		Label: ".1.3.6.1.2.1.2.2.1.2.%d", On: 1, Off: 2, CommandOn: 1, CommandOff: 2, First: 1, Mirror: ".1.3.6.1.2.1.2.2.1.8.%d",
	},
}

// all are the model and the older one whose objects it has, if any.
func (m Model) all() []Model {
	if m.Older == "" {
		return []Model{m}
	}
	older, err := ModelByName(m.Older)
	if err != nil {
		return []Model{m} // a test finds it: Models are ours
	}
	return []Model{m, older}
}

// ModelByName returns one of Models.
func ModelByName(name string) (Model, error) {
	i := slices.IndexFunc(Models, func(m Model) bool { return m.Name == name })
	if i < 0 {
		known := make([]string, len(Models))
		for j, m := range Models {
			known[j] = m.Name
		}
		return Model{}, fmt.Errorf("no model %q, there are %v", name, known)
	}
	return Models[i], nil
}
