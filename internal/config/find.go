package config

import (
	"os"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// settings are what flags and environment may say: the flag's name, and its variable where it has one.
var settings = []struct{ flag, env, help string }{
	{"config", "FENCED_CONFIG", "configuration file (conf.d/*.yaml beside it is read too)"},
	{"system-root", "", "directory of a fake system; / is the real one"},
	{"state-dir", "", "durable state"},
	{"run-dir", "", "sockets"},
	{"plugin-dir", "", "plugins"},
	{"socket", "FENCED_SOCKET", "API socket"},
	{"node", "FENCED_NODE", "name of this node"},
	{"log-level", "FENCED_LOG_LEVEL", "debug, info, warn or error"},
	{"log-format", "FENCED_LOG_FORMAT", "text or json"},
}

// AddFlags declares the flags that Find reads, all with empty defaults.
func AddFlags(flags *pflag.FlagSet) {
	for _, s := range settings {
		flags.String(s.flag, "", s.help)
	}
}

// Find returns Options from flags, then from the few FENCED_* variables of this process; flags may be nil, or lack some of them. This is all
// that viper does here: it lower-cases keys, so it never sees the file (LIBRARIES.md).
func Find(flags *pflag.FlagSet) Options {
	v := viper.New()
	for _, s := range settings {
		if s.env != "" {
			_ = v.BindEnv(s.flag, s.env) // fails only without arguments
		}
		if flags == nil {
			continue
		}
		if f := flags.Lookup(s.flag); f != nil {
			_ = v.BindPFlag(s.flag, f) // fails only for a nil flag
		}
	}
	env := os.Environ()
	return Options{
		Path:       v.GetString("config"),
		SystemRoot: v.GetString("system-root"),
		StateDir:   v.GetString("state-dir"),
		RunDir:     v.GetString("run-dir"),
		PluginDir:  v.GetString("plugin-dir"),
		Socket:     v.GetString("socket"),
		Node:       v.GetString("node"),
		LogLevel:   v.GetString("log-level"),
		LogFormat:  v.GetString("log-format"),
		AllowReset: lookup(env, "FENCED_ALLOW_RESET") == "1",
		Env:        env,
	}
}
