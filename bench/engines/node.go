package engines

var nodeEngines = []Engine{
	{
		Name: "graphile-worker", Store: Postgres, Module: "graphile-worker", Node: true,
		About: "a local queue of 500, batched completion, addJobs of 1,000",
	},
	{
		Name: "graphile-worker, defaults", Store: Postgres, Module: "graphile-worker", Node: true, Defaults: true,
		About: "no local queue, no batches",
	},
	{
		Name: "pg-boss", Store: Postgres, Module: "pg-boss", Node: true, Polls: true,
		About: "4 workers that fetch 2,000 every half second, insert of 1,000",
	},
	{
		Name: "BullMQ", Store: Redis, Module: "bullmq", Node: true,
		About: "concurrency 200, addBulk of 1,000",
	},
}
