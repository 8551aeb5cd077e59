package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/pawlhq/pawl"
)

// writeCSV writes the rows as RFC 4180 has it: one header, which is the same for the
// same dimensions, numbers as they are, times as RFC 3339 has them.
func (s *spending) writeCSV(out io.Writer) error {
	w := bufio.NewWriter(out)
	if err := writeRecord(w, s.csvHeader()); err != nil {
		return err
	}
	var row []string
	for i := range s.Rows {
		row = s.csvRow(row[:0], &s.Rows[i])
		if err := writeRecord(w, row); err != nil {
			return err
		}
	}
	return w.Flush()
}

// writeRecord writes a record that ends with CRLF, and whose fields are as they are: with
// csv.Writer.UseCRLF a line break inside a name would be another one.
func writeRecord(out io.Writer, fields []string) error {
	var line bytes.Buffer
	w := csv.NewWriter(&line)
	if err := w.Write(fields); err != nil {
		return err
	}
	if w.Flush(); w.Error() != nil {
		return w.Error()
	}
	line.Truncate(line.Len() - 1)
	line.WriteString("\r\n")
	_, err := line.WriteTo(out)
	return err
}

// csvSavings are the kinds of entries beside the answered calls that have columns of
// their own for calls, tokens and costs.
var csvSavings = []pawl.EntryKind{pawl.EntryUnknown, pawl.EntryRetried, pawl.EntryJoined, pawl.EntryReused, pawl.EntrySimilar, pawl.EntryShadow}

func (s *spending) csvHeader() []string {
	var header []string
	for _, d := range s.By {
		header = append(header, string(d))
	}
	header = append(header, "currency", "answered", "failed", "refused", "again", "waited",
		"input", "output", "reasoning", "cache_read", "cache_write", "cost", "cache_saved", "unpriced", "unpriced_tokens")
	for _, kind := range csvSavings {
		header = append(header, string(kind), string(kind)+"_tokens", string(kind)+"_cost")
	}
	return header
}

// csvRow appends the fields of a row.
func (s *spending) csvRow(row []string, r *pawl.UsageRow) []string {
	for _, d := range s.By {
		row = append(row, keyValue(d, r.UsageKey))
	}
	row = append(row, r.Currency)
	number := func(all ...int64) {
		for _, n := range all {
			row = append(row, strconv.FormatInt(n, 10))
		}
	}
	done := r.Sums[pawl.EntryAnswered]
	number(done.Calls, r.Sums[pawl.EntryFailed].Calls, r.Sums[pawl.EntryRefused].Calls, r.Again, r.Waited)
	number(done.Usage.Input, done.Usage.Output, done.Usage.Reasoning, done.Usage.CacheRead, done.Usage.CacheWrite)
	row = append(row, done.Cost.String(), r.CacheSaved.String())
	number(r.Unpriced.Calls, r.Unpriced.Usage.Total())
	for _, kind := range csvSavings {
		sum := r.Sums[kind]
		number(sum.Calls, sum.Usage.Total())
		row = append(row, sum.Cost.String())
	}
	return row
}

// keyValue is a dimension of a row for programs; "" for a name that is not known.
func keyValue(d pawl.Dimension, k pawl.UsageKey) string {
	if isTime(d) {
		return k.From.UTC().Format(time.RFC3339)
	}
	return keyName(d, k)
}
