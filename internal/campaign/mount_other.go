//go:build !linux

package main

import "errors"

var errNoMount = errors.New("a small disk is a tmpfs, which only Linux has")

func mount(string, int) (func() error, error) { return nil, errNoMount }

func free(string) (int64, error) { return 0, errNoMount }
