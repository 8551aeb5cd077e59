package openai

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pawlhq/pawl/llm"
)

// amount is a number as servers write it: "30000", "30,000", "~29446" or
// "20.0 / min".
const amount = `~?([\d,]+)(?:\.\d+)?(?: / (\w+)\.?)?`

// The parts of a message such as "Rate limit reached for gpt-4 in organization
// org-x on tokens per min (TPM): Limit 30000, Used 29446, Requested 821".
var (
	scope   = regexp.MustCompile(`(\w+) per (\w+)`)
	numbers = regexp.MustCompile(`\bLimit:? ` + amount + `(?:[,.]? (?:Used|Current):? ` + amount + `)?(?:[,.]? Requested:? ` + amount + `)?`)
)

// The words for the kinds of limit that llm.Told names, and for its times.
var (
	kindWords = map[string]string{"requests": "requests", "tokens": "tokens"}
	perWords  = map[string]string{"min": "minute", "minute": "minute", "day": "day"}
)

// readTold reads what a rate limit's message tells, and whether it says that
// the call is larger than the limit, so that it can never be let in. kind is the
// type of the error, which names the limit where the message does not.
func readTold(message, kind string) (told llm.Told, tooLarge bool) {
	m := numbers.FindStringSubmatch(message)
	if m == nil {
		return llm.Told{}, strings.HasPrefix(message, "Request too large")
	}
	told = llm.Told{Limit: number(m[1]), Used: number(m[3]), Requested: number(m[5])}
	if told.Limit <= 0 || told.Used < 0 || told.Requested < 0 {
		return llm.Told{}, false
	}
	tooLarge = told.Requested > told.Limit
	before, _, _ := strings.Cut(message, m[0])
	what, per := scopeOf(before)
	if per = cmp.Or(per, m[2]); per == "" && told.Used == 0 && told.Requested == 0 {
		return llm.Told{}, false // a number that may be anything's
	}
	told.Kind, told.Per = kindWords[cmp.Or(what, kind)], perWords[per]
	if what != "" && told.Kind == "" || per != "" && told.Per == "" {
		return llm.Told{}, tooLarge // a limit of images, or an hour's
	}
	return told, tooLarge
}

// scopeOf returns the words around the last "per" of a text, such as "tokens"
// and "min". Both are "" if there is none.
func scopeOf(text string) (what, per string) {
	all := scope.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return "", ""
	}
	last := all[len(all)-1]
	return strings.ToLower(last[1]), strings.ToLower(last[2])
}

// number reads digits with commas between them: 0 if there are none, -1 if they
// are too many.
func number(s string) int64 {
	if s = strings.ReplaceAll(s, ",", ""); s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// fill fills in a limit that the headers said nothing of. What does not say
// its time is a minute's. A bucket that is empty is full again after that time.
func fill(l *llm.Limits, told llm.Told, now time.Time) {
	to, period := &l.Tokens, time.Minute
	switch requests := told.Kind == "requests"; {
	case told.Per == "day" && requests:
		to, period = &l.RequestsPerDay, 24*time.Hour
	case told.Per == "day":
		to, period = &l.TokensPerDay, 24*time.Hour
	case requests:
		to = &l.Requests
	}
	if told.Limit == 0 || to.Known {
		return
	}
	to.Limit = told.Limit
	if told.Used > 0 {
		to.Remaining, to.Known = told.Limit-told.Used, true
		full := float64(period) * float64(told.Used) / float64(told.Limit)
		to.Reset = now.Add(time.Duration(min(full, float64(llm.LongestWait))))
	}
}
