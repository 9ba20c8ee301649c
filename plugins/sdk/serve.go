package sdk

import (
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/fenced-project/fenced/plugins/proto"
)

// Exit codes of a plugin that does not serve (INTERFACES.md).
const (
	exitUsage  = 64
	exitConfig = 78
)

func main(p Plugin) {
	d, err := describe(p)
	if err != nil {
		fmt.Fprintf(os.Stderr, "this plugin is built wrongly: %v\n", err)
		os.Exit(exitConfig)
	}
	switch arg := strings.Join(os.Args[1:], " "); arg {
	case "--describe":
		fmt.Print(d.text())
		os.Exit(0)
	case "--describe=json", "--describe -o json":
		fmt.Println(d.json())
		os.Exit(0)
	case "--version":
		fmt.Printf("fenced-plugin-%s %s\n", d.Name, d.Version)
		os.Exit(0)
	case "":
		serve(p)
	default:
		fmt.Fprintf(os.Stderr, "cannot understand %q: the arguments are --describe, --describe=json and --version\n", arg)
		os.Exit(exitUsage)
	}
}

func serve(p Plugin) {
	if os.Getenv(proto.Handshake.MagicCookieKey) != proto.Handshake.MagicCookieValue {
		fmt.Fprintln(os.Stderr, "this is a plugin of fenced, which starts it by itself; by hand it knows --describe and --version")
		os.Exit(exitUsage)
	}
	mustConceal()
	dieWithParent()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  proto.Handshake,
		VersionedPlugins: proto.Sets(NewServer(p)),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(proto.MaxMessage), grpc.MaxSendMsgSize(proto.MaxMessage))...)
		},
	})
	os.Exit(0)
}
