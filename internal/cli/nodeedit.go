package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/internal/config"
)

func (a *app) nodeAddCommand() *cobra.Command {
	x := &change{a: a}
	var n config.NewNode
	var id uint32
	cmd := &cobra.Command{
		Use:   "add NAME --id N --address HOST[:PORT] --level DEVICE…",
		Short: "add a node: before it is started for the first time",
		Long: `Adds NAME to the configuration, in a file of its own in conf.d, and to the roster. Do it before the new machine is there or after; nobody
fences a node that was added and has not come, and its vote does not count until it comes.

A level is DEVICE, DEVICE[TARGET], several joined by + that must all be off at the same time, or ask:human. --device makes a device for it:
NAME,plugin=PLUGIN,OPTION=VALUE,… (fenced plugin info PLUGIN).` + nodeLong,
		Example: `  fenced node add node-4 --id 4 --address 10.0.0.4 --level bmc-4 \
    --device bmc-4,plugin=bmc,address=10.0.9.4,username=fenced,password_file=secrets/bmc-4`,
		Args: words(1, 1, "one NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if id == 0 || n.Address == "" {
				return usage("node add needs --id, a number that no node ever had, and --address")
			}
			n.Name, n.ID = args[0], fence.NodeID(id)
			e, err := config.AddNode(x.options(), n)
			if err != nil {
				return client.Errorf(client.CodeConfig, "%v", err)
			}
			return x.run(cmd.Context(), e, nil)
		},
	}
	x.flags(cmd)
	cmd.Flags().Uint32Var(&id, "id", 0, "its number: never changed and never given again")
	cmd.Flags().StringVar(&n.Address, "address", "", "HOST or HOST:PORT, reachable from every other node by TCP and UDP")
	cmd.Flags().StringArrayVar(&n.Levels, "level", nil, "a way to fence it, in order; may be repeated")
	cmd.Flags().StringArrayVar(&n.Devices, "device", nil, "a new device for its levels; may be repeated")
	cmd.Flags().BoolVar(&n.Witness, "witness", false, "a small node that only votes")
	cmd.Flags().BoolVar(&n.NoVote, "no-vote", false, "it follows without a vote")
	cmd.Flags().BoolVar(&n.Off, "hold-off", false, "hold it off after it was fenced, instead of powering it on again")
	cmd.Flags().StringVar(&n.Machine, "machine", "", "UUID of its machine (default: learned when it comes)")
	return cmd
}

func (a *app) nodeRemoveCommand() *cobra.Command {
	x := &change{a: a}
	var yes bool
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "remove a node that has left, or whose last life is over",
		Long: `Takes NAME out of the configuration, with the devices that only it used, and out of the roster. It is refused while anything of the node
may still be at work: let it leave (fenced leave, on that node), or fence it (fenced off NAME), or where neither can be, fenced ack NAME.` + nodeLong,
		Args:              words(1, 1, "one NAME"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := config.RemoveNode(x.options(), args[0])
			if err != nil {
				return x.edited(err, args[0])
			}
			return x.run(cmd.Context(), e, func() error { return a.confirm(yes, "node remove", args[0]) })
		},
	}
	x.flags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) nodeRenameCommand() *cobra.Command {
	x := &change{a: a}
	var address string
	cmd := &cobra.Command{
		Use:   "rename NAME [NEWNAME] [--address HOST[:PORT]]",
		Short: "give a node another name or another address; its id stays",
		Long: `The node is the same: what is open, its history and its last proof stay. An address is followed without a restart: give the machine the
new address first, beside the old one, and take the old one away when fenced status shows the node as a member.` + nodeLong,
		Args:              words(1, 2, "NAME and at most one NEWNAME"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			fresh := ""
			if len(args) == 2 {
				fresh = args[1]
			}
			if fresh == "" && address == "" {
				return usage("node rename needs a NEWNAME or --address")
			}
			e, err := config.RenameNode(x.options(), args[0], fresh, address)
			if err != nil {
				return x.edited(err, args[0])
			}
			return x.run(cmd.Context(), e, nil)
		},
	}
	x.flags(cmd)
	cmd.Flags().StringVar(&address, "address", "", "HOST or HOST:PORT")
	return cmd
}

// edited gives the error of an edit its exit code.
func (x *change) edited(err error, name string) error {
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		return problems
	case errors.Is(err, config.ErrNoNode):
		return client.NoSuch("node", name, config.NodeNames(x.options()))
	}
	return client.Errorf(client.CodeConfig, "%v", err)
}
