// Command badplugin is a plugin that misbehaves as it is told, to prove the host: at its start by the name of its file
// (fenced-plugin-bad-garbage prints garbage), in its calls by the options of a device. It is built by tests only and never shipped.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/fenced-project/fenced/plugins/proto"
	"github.com/fenced-project/fenced/plugins/sdk"
)

func main() {
	name, version, _ := strings.Cut(strings.TrimPrefix(filepath.Base(os.Args[0]), proto.FilePrefix), "@")
	if len(os.Args) > 1 && os.Args[1] == "--agents=json" { // as the agent plugin is asked; it says which file it is
		fmt.Printf(`{"api":"fenced/v1","agents":[{"name":%q}]}`+"\n", filepath.Base(os.Args[0]))
		return
	}
	switch version { // of several that are installed
	case "9.0.0": // is for a fenced of the future
		serve(map[int]plugin.PluginSet{9: {proto.SetKey: &proto.Glue{Service: sdk.NewServer(bad{name, version})}}})
		return
	case "8.0.0": // is not what its file says
		version = "8.1.0"
	case "7.0.0":
		fmt.Fprintln(os.Stderr, "cannot find my library")
		os.Exit(3)
	case "":
		version = "0.1.0"
	}
	switch name {
	case "bad-garbage": // a megabyte without a line end, then silence
		_, _ = os.Stdout.WriteString(strings.Repeat("\x1b[31mgarbage\x00", 1<<16))
		select {}
	case "bad-silent":
		time.Sleep(time.Hour)
	case "bad-exit":
		fmt.Fprintln(os.Stderr, "cannot find my library")
		os.Exit(3)
	case "bad-elsewhere": // would have the daemon talk to any socket of the machine
		fmt.Println("1|1|unix|/run/dbus/system_bus_socket|grpc|")
		select {}
	case "bad-version":
		serve(map[int]plugin.PluginSet{9: {proto.SetKey: &proto.Glue{Service: sdk.NewServer(bad{name, version})}}})
	case "bad-both": // speaks this version of the wire and one that is to come; by that one it would not be understood
		serve(map[int]plugin.PluginSet{1: proto.Sets(sdk.NewServer(bad{name, version}))[1], 2: {proto.SetKey: &proto.Glue{Service: mute{}}}})
	case "bad-mute": // makes the handshake and never describes itself
		serve(proto.Sets(mute{}))
	case "bad-name":
		name = "another"
		sdk.Main(bad{name, version})
	case "bad-wire": // answers what no sdk would let through
		serve(proto.Sets(wild{FencePluginServer: sdk.NewServer(bad{name, version})}))
	default:
		sdk.Main(bad{name, version})
	}
}

func serve(sets map[int]plugin.PluginSet) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: proto.Handshake, VersionedPlugins: sets, GRPCServer: plugin.DefaultGRPCServer,
		Logger: hclog.NewNullLogger(),
	})
}

type mute struct {
	proto.UnimplementedFencePluginServer
}

func (mute) Describe(context.Context, *proto.DescribeRequest) (*proto.DescribeResponse, error) {
	select {}
}

// wild breaks the wire's bounds: what it answers depends on the target.
type wild struct{ proto.FencePluginServer }

func (w wild) Status(_ context.Context, r *proto.StatusRequest) (*proto.StatusResponse, error) {
	switch r.Target {
	case "large":
		return &proto.StatusResponse{State: "off", Detail: strings.Repeat("x", 4*proto.MaxMessage)}, nil
	case "class":
		return &proto.StatusResponse{State: "off", Failure: &proto.Failure{Class: "ok", Text: "a failure that calls itself ok\n\x1b[2J"}}, nil
	case "state":
		return &proto.StatusResponse{State: "OFF ", Uuids: make([]string, 1000), Detail: strings.Repeat("y", 1000)}, nil
	}
	return nil, fmt.Errorf("a plain gRPC error")
}
