package daemon

import (
	"context"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/internal/api"

	"github.com/fenced-project/fenced/client"
)

// Replace implements api.Steward.
func (d *Daemon) Replace(ctx context.Context, a api.ReplaceArgs) (client.Committed, error) {
	answer, err := d.commit(ctx, func() (domain.Entry, error) {
		n, err := d.find(a.Node)
		if err != nil {
			return domain.Entry{}, err
		}
		e := &domain.Replace{Node: n.ID, Old: n.Machine, By: d.who(a.By), Reason: a.Reason}
		if a.Old != "" {
			e.Old.UUID = a.Old
		}
		if a.New != "" {
			e.New = &fence.Machine{UUID: a.New}
			if n.Foreign != nil && n.Foreign.Same(*e.New) {
				m := *n.Foreign
				e.New = &m // with its serial, and whether it is virtual
			}
		}
		return domain.Entry{Replace: e}, nil
	})
	out := client.Committed{API: client.API, Index: answer.Index}
	for _, e := range answer.Events {
		if e.Kind == domain.EventReplace {
			out.Text = a.Node + ": " + e.Text
		}
	}
	return out, err
}
