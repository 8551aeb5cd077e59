package cli

import (
	"embed"
	"slices"
	"strings"

	"github.com/pawlhq/pawl/llmsim"
)

//go:embed documents/*.txt
var documents embed.FS

// shortContext is how many tokens the simulated model reads at most when the demo
// brings its own documents along: one of them is longer.
const shortContext = 2000

// What a job must end in, where it is not success at once.
const (
	expectRefused = "refused"
	expectTooLong = "too long"
)

// folder is a document that is too long for the model: several others in one.
const folder = "folder"

var folderOf = []string{"compost", "checklist", "lighthouse", "containers", "handwashing", "bread"}

// deliveries are who sends what, in this order and all at once. The archive sends
// far more than the others, some of it twice; two documents are refused.
var deliveries = []struct {
	user  string
	names []string
}{
	{"archive", []string{"bread", "handwashing", "containers", "locks", "compost", "lighthouse", folder, "checklist", "cleaning"}},
	{"archive", []string{"bread", "containers"}},
	{"clinic", []string{"cold-chain", "incident"}},
	{"school", []string{"bees", "groundwater", "bees"}},
}

// brought returns the documents that the demo brings along.
func brought() []*job {
	var jobs []*job
	for _, d := range deliveries {
		for _, name := range d.names {
			text := document(name)
			title, _, _ := strings.Cut(text, "\n")
			jobs = append(jobs, &job{title: title, user: d.user, text: text, expect: expected(name)})
		}
	}
	return jobs
}

func expected(name string) string {
	switch name {
	case "locks", "cleaning":
		return expectRefused
	case folder:
		return expectTooLong
	}
	return ""
}

// someTooLong reports whether one of the jobs is there to be too long.
func someTooLong(jobs []*job) bool {
	return slices.ContainsFunc(jobs, func(j *job) bool { return j.expect == expectTooLong })
}

func document(name string) string {
	if name == folder {
		texts := []string{"The Whole Folder in One"}
		for _, n := range folderOf {
			texts = append(texts, document(n))
		}
		return strings.Join(texts, "\n\n")
	}
	b, err := documents.ReadFile("documents/" + name + ".txt")
	if err != nil {
		panic(err) // deliveries names one that is not there
	}
	return strings.TrimSpace(string(b))
}

// refuse has the simulated model refuse the documents that it is to refuse.
func refuse(jobs []*job) func(*llmsim.Call) llmsim.Fault {
	var titles []string
	for _, j := range jobs {
		if j.expect == expectRefused {
			titles = append(titles, j.title)
		}
	}
	return func(c *llmsim.Call) llmsim.Fault {
		for _, title := range titles {
			if strings.HasPrefix(c.Document(), title) {
				return llmsim.Refused
			}
		}
		return llmsim.None
	}
}
