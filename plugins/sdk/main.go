package sdk

// Main serves p to the daemon that started this process, until that daemon ends it or dies. With --describe it prints what the plugin
// is, with --describe=json as JSON, without a daemon. It never returns.
func Main(p Plugin) { main(p) }
