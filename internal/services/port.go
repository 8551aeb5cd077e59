package services

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
)

// Ports are taken from below those that the system gives to outgoing
// connections, or a client's could take the port of a server while it is down.
const lowestPort, highestPort = 15_000, 32_000

// freePorts returns two ports that nothing listens on.
func freePorts() (ports [2]int, err error) {
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return ports, err
		}
	}
	return ports, nil
}

func freePort() (int, error) {
	var err error
	for range 100 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		var l net.Listener
		if l, err = net.Listen("tcp", loopback(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// open gives a new server ports and starts it. A port can be taken by another
// between the look for it and the server's start: then it is given others.
func (s *Server) open(ctx context.Context) error {
	for tries := 1; ; tries++ {
		ports, err := freePorts()
		if err != nil {
			return err
		}
		s.addr = loopback(ports[0])
		if err := s.configure(ports); err != nil {
			return fmt.Errorf("configure %s: %w", s.name, err)
		}
		err = s.Start(ctx)
		if err == nil || tries == 5 || !strings.Contains(err.Error(), "ddress already in use") {
			return err
		}
	}
}
