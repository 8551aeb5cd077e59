package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
)

// writeJSON writes one document, each row in a line of its own. There may be many of them:
// to set off what is in them would take as long again.
func (s *spending) writeJSON(out io.Writer) error {
	const noRows = `"rows": null` // the first that there is: before it are times and dimensions
	around := *s
	around.Rows = nil
	var document bytes.Buffer
	if err := printJSON(&document, &around); err != nil {
		return err
	}
	before, after, _ := bytes.Cut(document.Bytes(), []byte(noRows))
	w := bufio.NewWriter(out) // which keeps its first error
	_, _ = w.Write(before)
	if err := writeLines(w, s); err != nil {
		return err
	}
	_, _ = w.Write(after)
	return w.Flush()
}

func writeLines(w *bufio.Writer, s *spending) error {
	_, _ = w.WriteString(`"rows": [`)
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	separator := "\n    "
	for i := range s.Rows {
		line.Reset()
		if err := enc.Encode(&s.Rows[i]); err != nil {
			return err
		}
		_, _ = w.WriteString(separator)
		_, _ = w.Write(bytes.TrimSuffix(line.Bytes(), []byte("\n")))
		separator = ",\n    "
	}
	if len(s.Rows) > 0 {
		_, _ = w.WriteString("\n  ")
	}
	return w.WriteByte(']')
}
