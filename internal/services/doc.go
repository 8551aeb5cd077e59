// Package services runs private PostgreSQL, PgBouncer, Redis and Redis Cluster
// servers for tests, campaigns and benchmarks.
//
// Tests ask for a place of their own on a running server:
//
//	url := services.Postgres(t) // a new, empty database
//
// The servers are started once for all packages by make test, which runs the
// tests under cmd/services. Where that is not so, as in go test ./postgres, the
// first call starts a server for this test process; services.Main in TestMain
// then stops it. A server that is missing fails the test and never skips it.
//
// Programs that kill servers start their own:
//
//	s, err := services.StartPostgres(ctx, services.Options{})
//	...
//	s.Kill()     // as a crash of the server
//	s.Start(ctx) // the same data, the same address
//
// Nothing is left running when the process that started a server is gone,
// however it ended: see [warden]. Linux and macOS are served; Windows is not.
package services
