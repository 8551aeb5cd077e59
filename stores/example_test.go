package stores_test

import (
	"context"
	"fmt"
	"log"

	"github.com/pawlhq/pawl"
	"github.com/pawlhq/pawl/stores"
)

func ExampleOpen() {
	ctx := context.Background()
	store, err := stores.Open(ctx, "memory:") // or sqlite:agent.db, postgres://…, redis://…
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	greet := pawl.Operation[string, string]{Name: "greet"}
	run, err := greet.Add(ctx, pawl.New(store, pawl.Config{}), "world")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run.As)
	// Output: new
}

func ExampleRedact() {
	fmt.Println(stores.Redact("postgres://agent:opensesame@db.example.org/pawl"))
	// Output: postgres://agent:xxxxx@db.example.org/pawl
}
