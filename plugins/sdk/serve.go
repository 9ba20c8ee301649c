package sdk

func main(Plugin) { panic("sdk: being built; the interface above it is settled") }
