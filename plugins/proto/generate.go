package proto

// The generators are those of build/tools (pinned by go.mod's versions); protoc is Debian's protobuf-compiler.
//go:generate env PATH=../../build/tools:/usr/local/bin:/usr/bin:/bin protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative plugin.proto
