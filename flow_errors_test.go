package pawl_test

import (
	"strings"
	"testing"

	"github.com/pawlhq/pawl"
)

// adding is what all flows are for: to be added.
func adding[In, Out any](f pawl.Flow[In, Out]) func(*testing.T, *pawl.Client) error {
	return func(t *testing.T, c *pawl.Client) error {
		var in In
		_, err := f.Add(t.Context(), c, in)
		return err
	}
}

// A flow that is put together wrongly says so when it is added, wherever in it that is.
func TestWhatIsWrongWithAFlow(t *testing.T) {
	type out struct {
		N      int `json:"n"`
		hidden int
		Never  int `json:"-"`
	}
	var elsewhere int
	n := func(o *out) *int { return &o.N }
	empty := pawl.Flow[int, int]{}
	choice := pawl.Operation[int, string]{Name: "choice"}
	reserved := pawl.Operation[int, int]{Name: "pawl.each"}
	zero := pawl.Operation[int, int]{}
	wrong := pawl.Operation[int, int]{Name: "wrong", Priority: 9}
	for want, add := range map[string]func(*testing.T, *pawl.Client) error{
		"the flow is empty":                                      adding(empty),
		"pawl.each of an empty flow":                             adding(pawl.Each(empty)),
		"pawl.try of an empty flow":                              adding(pawl.Try(empty)),
		"pawl.all of an empty flow":                              adding(pawl.All[int, out]()),
		"AtOnce is 0; want 1 or more":                            adding(pawl.Each(double, pawl.AtOnce(0))),
		"AtOnce is -1; want 1 or more":                           adding(pawl.Then(double, pawl.Then(words, pawl.Then(pawl.Operation[string, []int]{Name: "f"}, pawl.Each(double, pawl.AtOnce(-1)))))),
		"field hidden of pawl_test.out is":                       adding(pawl.All(pawl.Into(func(o *out) *int { return &o.hidden }, double))),
		"field Never of pawl_test.out is":                        adding(pawl.All(pawl.Into(func(o *out) *int { return &o.Never }, double))),
		"want a pointer to a field of the s":                     adding(pawl.All(pawl.Into(func(*out) *int { return &elsewhere }, double))),
		"that it is given, pawl_test.out":                        adding(pawl.All(pawl.Into(func(*out) *int { return nil }, double))),
		"that it is given, int":                                  adding(pawl.All(pawl.Into(func(o *int) *int { return o }, double))),
		"All has two slots for field n":                          adding(pawl.All(pawl.Into(n, double), pawl.Into(n, double))),
		"Choose by choice has no ways":                           adding(pawl.Choose[int, int](choice)),
		`Choose by choice has two ways for`:                      adding(pawl.Choose(choice, pawl.When("a", double), pawl.When("a", double))),
		"has ways behind Otherwise":                              adding(pawl.Choose(choice, pawl.Otherwise(double), pawl.When("a", double))),
		"When has an empty name":                                 adding(pawl.Choose(choice, pawl.When("", double))),
		"WithFallback to words2 is of a flow; want an operation": adding(pawl.WithFallback(pawl.Then(double, double), pawl.Operation[int, int]{Name: "words2"})),
		"WithFallback to b is of a flow":                         adding(pawl.WithFallback(pawl.Each(double), pawl.Operation[[]int, []int]{Name: "b"})),
		"WithFallback to d is of a flow":                         adding(pawl.WithFallback(pawl.Choose(choice, pawl.When("a", double)), pawl.Operation[int, int]{Name: "d"})),
		"names that begin with pawl. are":                        adding(pawl.Each(pawl.Try(reserved))),
		"Operation.Name is pawl.each":                            adding(pawl.WithFallback(double, reserved)),
		"Operation.Name is empty":                                adding(pawl.Choose(choice, pawl.When("a", zero))),
		"operation wrong: Priority is 9":                         adding(pawl.All(pawl.Into(n, pawl.Then(double, wrong)))),
	} {
		c := newClient(newStore(t), pawl.Config{})
		if err := add(t, c); err == nil || !strings.HasPrefix(err.Error(), "pawl: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("Add = %v; want an error that says %q", err, want)
		}
		if rows, err := c.List(t.Context(), pawl.Filter{}); err != nil || len(rows) > 0 {
			t.Errorf("%s: %d tasks, %v; want none", want, len(rows), err)
		}
	}
}

// The queue's own names are nobody else's to handle.
func TestNoHandlerForTheQueuesOwn(t *testing.T) {
	c := newClient(newStore(t), pawl.Config{})
	pawl.Operation[int, int]{Name: "pawl.other"}.Handle(c, nil)
	if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "names that begin with pawl. are the queue's own") {
		t.Errorf("Run = %v; want that the name is the queue's own", err)
	}
}
