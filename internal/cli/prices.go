package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/pawlhq/pawl/price"
)

// pricesVariable of the environment names a file with prices where no flag does.
const pricesVariable = "PAWL_PRICES"

// pricesFlag says what models cost.
type pricesFlag struct {
	Prices string `env:"PAWL_PRICES" help:"What models cost, in YAML or JSON: docs/cli.md has an example, pawl usage --prices lists what is in force. Default: list prices that are built in, of a day that they name." placeholder:"FILE"`
}

// tariff is a table of prices, and where it is from.
type tariff struct {
	*price.Table
	from string
	note string // what else is to be said of it; "" for nothing
}

// prices reads the table that a flag names, or takes the one that is built in.
func (f pricesFlag) prices() (tariff, error) {
	if f.Prices == "" {
		return tariff{Table: price.Builtin(), from: "built in"}, nil
	}
	table, err := readPrices(f.Prices)
	if err != nil {
		return tariff{}, usagef("--prices, or %s: %w", pricesVariable, err)
	}
	return tariff{Table: table, from: filepath.Base(f.Prices)}, nil
}

// words says where prices are from, of which day, and in what.
func (p tariff) words() string {
	return printable(fmt.Sprintf("%s, of %s, in %s%s", p.from, p.Date, p.Currency, p.note))
}

// played is the model that the simulated one plays.
const played = "claude-haiku-4-5"

// withSimulated gives the simulated model the price of the one that it plays, unless it
// has one of its own.
func (p tariff) withSimulated() tariff {
	if _, ok := p.Find(simulated); ok {
		return p
	}
	rates, ok := p.Find(played)
	if !ok {
		p.note = "; they have neither " + simulated + " nor " + played + ", so that calls are counted in tokens only"
		return p
	}
	models := maps.Clone(p.Models)
	models[simulated] = rates
	p.Table = &price.Table{Date: p.Date, Currency: p.Currency, Models: models}
	p.note = "; the simulated model costs what " + played + " does, which it plays"
	return p
}

func readPrices(path string) (*price.Table, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		if b, err = jsonOfYAML(b); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	table, err := price.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "price: "))
	}
	return table, nil
}

// jsonOfYAML returns YAML as JSON, with each number as it is written: through a float
// a price would not be exact.
func jsonOfYAML(b []byte) ([]byte, error) {
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		var wrong yaml.Error
		if errors.As(err, &wrong) {
			return nil, misplaced{wrong.GetToken().Position.Line, wrong.GetMessage()}
		}
		return nil, err
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, fmt.Errorf("it has %s; want one, with date, currency and models", plural(len(file.Docs), "document"))
	}
	var out bytes.Buffer
	err = writeJSON(&out, file.Docs[0].Body)
	return out.Bytes(), err
}

// misplaced is what is wrong with a line of YAML.
type misplaced struct {
	line int
	what string
}

func (m misplaced) Error() string { return fmt.Sprintf("line %d: %s", m.line, m.what) }

var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// writeJSON writes what a table of prices is made of.
func writeJSON(out *bytes.Buffer, node ast.Node) error {
	switch n := node.(type) {
	case *ast.MappingNode:
		return writeObject(out, n.Values)
	case *ast.MappingValueNode:
		return writeObject(out, []*ast.MappingValueNode{n})
	case *ast.StringNode:
		return writeText(out, n.Value)
	case *ast.IntegerNode, *ast.FloatNode:
		text := n.GetToken().Value
		if !plainNumber.MatchString(text) {
			return misplaced{n.GetToken().Position.Line, fmt.Sprintf("%q is no price; want digits such as 5 or 12.50", text)}
		}
		out.WriteString(text)
		return nil
	}
	return misplaced{node.GetToken().Position.Line, fmt.Sprintf("%s is not of a table of prices; want names, texts and numbers", strings.ToLower(node.Type().String()))}
}

func writeObject(out *bytes.Buffer, fields []*ast.MappingValueNode) error {
	out.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeText(out, f.Key.GetToken().Value); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := writeJSON(out, f.Value); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeText(out *bytes.Buffer, text string) error {
	b, err := json.Marshal(text)
	out.Write(b)
	return err
}
