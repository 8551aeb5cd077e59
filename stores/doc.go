// Package stores opens a store by its URL. It imports every store; a program
// that always uses the same one is smaller if it imports that one alone.
//
//	memory:                                  in this process, gone with it
//	sqlite:agent.db                          a file; relative to the working directory
//	sqlite:/var/lib/pawl/agent.db            a file; absolute
//	postgres://user:password@host:5432/name  PostgreSQL; postgresql:// is the same
//	redis://user:password@host:6379/0        Redis; rediss:// with TLS
//	redis://host1:6379,host2:6379            Redis Cluster, by some of its nodes
//	redis+cluster://host:6379                Redis Cluster, by one of its nodes; rediss+cluster:// with TLS
//
// What follows "sqlite:" is a path as the system knows it, in which nothing is
// escaped. Parameters may stand behind it, as in sqlite:agent.db?busy=10s, and
// behind the other URLs; the packages of the stores list theirs.
//
// Errors name the store without its password.
package stores
