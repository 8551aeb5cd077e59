// Command pawl shows what the queue does, and runs the simulated provider.
package main

import (
	"os"

	"github.com/pawlhq/pawl/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
