// Package archtest holds the project to its own architecture: which package may
// import which, which modules of others are used and where, and what a file or a
// test may not do. The rules are tables, each row with its reason, in rules.go;
// a change of the architecture is a change of a row.
//
// Files are parsed, not built, so that one run sees the files of every platform
// and build tag, and the nested modules too.
package archtest
