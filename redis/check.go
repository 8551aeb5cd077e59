package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/pawlhq/pawl"
)

// examination is what Check knows of the server that keeps the store's slot.
type examination struct {
	*redis.Client
	info     map[string]string // of INFO
	settings map[string]string // of CONFIG GET, empty if that is forbidden
	findings []pawl.Finding
}

// Check implements [pawl.Checker]. Of a Cluster it examines the whole, and the
// master that keeps the store.
func (s *Store) Check(ctx context.Context) ([]pawl.Finding, error) {
	server, err := s.db.server(ctx)
	if err != nil {
		return nil, explain(err)
	}
	e := examination{Client: server}
	if err := e.read(ctx); err != nil {
		return nil, explain(err)
	}
	e.version()
	e.role()
	e.persistence()
	e.memory()
	if c, ok := s.db.client.(*redis.ClusterClient); ok {
		if err := e.cluster(ctx, c); err != nil {
			return nil, explain(err)
		}
	}
	e.replicas()
	return e.findings, nil
}

// server returns the one that keeps the store's slot.
func (d *database) server(ctx context.Context) (*redis.Client, error) {
	switch c := d.client.(type) {
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, d.keys.main)
	case *redis.Client:
		return c, nil
	}
	return nil, fmt.Errorf("a client of type %T", d.client)
}

var settingNames = []string{"appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy", "min-replicas-to-write"}

func (e *examination) read(ctx context.Context) error {
	info, err := e.Info(ctx).Result()
	if err != nil && !redis.HasErrorPrefix(err, "NOPERM") && !redis.HasErrorPrefix(err, "ERR unknown command") {
		return err
	}
	e.info = fieldsOf(info)
	e.settings = map[string]string{}
	for _, name := range settingNames {
		found, err := e.ConfigGet(ctx, name).Result()
		if err != nil && !redis.HasErrorPrefix(err, "NOPERM") && !redis.HasErrorPrefix(err, "ERR") {
			return err
		}
		if value, ok := found[name]; ok {
			e.settings[name] = value
		}
	}
	return nil
}

// fieldsOf reads lines of "name:value".
func fieldsOf(info string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

func (e *examination) report(level pawl.FindingLevel, what, found, remedy string) {
	if level == pawl.FindingOK {
		remedy = ""
	}
	e.findings = append(e.findings, pawl.Finding{Level: level, What: what, Found: found, Remedy: remedy})
}

// unknown reports that something could not be looked at.
func (e *examination) unknown(what string) {
	e.report(pawl.FindingWarning, what, what+" could not be checked: the server does not let this user read it",
		"look at it in the console of whoever runs the server, or allow the user INFO and CONFIG GET")
}

const oldestMajor = 7

func (e *examination) version() {
	const what = "version"
	version, ok := e.info["redis_version"]
	if !ok {
		e.unknown(what)
		return
	}
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	level := pawl.FindingOK
	if err != nil || n < oldestMajor {
		level = pawl.FindingError
	}
	e.report(level, what, "the server is version "+version, fmt.Sprintf("use Redis %d or later", oldestMajor))
}

func (e *examination) role() {
	const what = "role"
	role, ok := e.info["role"]
	if !ok {
		e.unknown(what)
		return
	}
	level := pawl.FindingOK
	if role != "master" {
		level = pawl.FindingError
	}
	e.report(level, what, "the server is a "+role, "name the master in the URL: a replica takes no writes")
}

// persistence looks at what survives a crash of the server.
func (e *examination) persistence() {
	const what = "persistence"
	file, ok := e.info["aof_enabled"]
	if !ok {
		e.unknown(what)
		return
	}
	save, known := e.settings["save"]
	const remedy = "CONFIG SET appendonly yes, and CONFIG REWRITE, or appendonly yes in redis.conf"
	switch {
	case file == "1":
		e.report(pawl.FindingOK, what, "the append-only file is on", "")
		e.sync()
	case known && save == "":
		e.report(pawl.FindingError, what, "neither the append-only file nor snapshots are on: a restart of the server loses every task", remedy)
	case known:
		e.report(pawl.FindingError, what, "only snapshots are on: a crash of the server loses the tasks since the last one", remedy)
	default:
		e.report(pawl.FindingError, what, "the append-only file is off: a crash of the server loses tasks", remedy)
	}
	if e.info["aof_last_write_status"] == "err" {
		e.report(pawl.FindingError, "append-only file", "the last write to the append-only file failed", "make room on the server's disk")
	}
}

func (e *examination) sync() {
	const what = "appendfsync"
	switch policy, ok := e.settings[what]; {
	case !ok:
		e.unknown(what)
	case policy == "no":
		e.report(pawl.FindingWarning, what, "the file is written to disk when the system likes: a crash of the machine loses about 30 seconds of tasks",
			"CONFIG SET appendfsync everysec, or always")
	case policy == "everysec":
		e.report(pawl.FindingOK, what, "the file is written to disk every second: a crash of the machine can lose the last second", "")
	default:
		e.report(pawl.FindingOK, what, "the file is written to disk before each answer", "")
	}
}

func (e *examination) memory() {
	const what = "maxmemory-policy"
	policy, ok := e.settings[what]
	if !ok {
		policy, ok = e.info["maxmemory_policy"]
	}
	switch {
	case !ok:
		e.unknown(what)
	case policy == "noeviction":
		e.report(pawl.FindingOK, what, "the server refuses writes when its memory is full", "")
	case e.info["maxmemory"] == "0":
		e.report(pawl.FindingWarning, what, "the policy is "+policy+", which will remove tasks as soon as maxmemory is set", "CONFIG SET maxmemory-policy noeviction")
	default:
		e.report(pawl.FindingError, what, "the policy is "+policy+": the server removes tasks when its memory is full", "CONFIG SET maxmemory-policy noeviction")
	}
}

const slots = 16384

func (e *examination) cluster(ctx context.Context, c *redis.ClusterClient) error {
	const what = "cluster"
	text, err := c.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	info := fieldsOf(text)
	assigned, fine := info["cluster_slots_assigned"], info["cluster_slots_ok"]
	switch {
	case info["cluster_enabled"] == "0":
		e.report(pawl.FindingError, what, "the server is not in cluster mode", "take its address alone in the URL, without +cluster")
	case assigned != strconv.Itoa(slots):
		e.report(pawl.FindingError, what, fmt.Sprintf("%s of %d slots have a master", assigned, slots), "assign the others: redis-cli --cluster fix")
	case info["cluster_state"] != "ok" || fine != assigned:
		e.report(pawl.FindingError, what, fmt.Sprintf("the state is %s, and %s of %d slots are served", info["cluster_state"], fine, slots),
			"start the missing nodes, or CLUSTER FAILOVER on a replica")
	default:
		e.report(pawl.FindingOK, what, fmt.Sprintf("all %d slots are served by %s masters", slots, info["cluster_size"]), "")
	}
	return nil
}

// replicas looks at what a failover can lose.
func (e *examination) replicas() {
	const what = "min-replicas-to-write"
	n, ok := e.info["connected_slaves"]
	if !ok || e.info["role"] != "master" {
		return
	}
	if n == "0" {
		if e.info["cluster_enabled"] == "1" {
			e.report(pawl.FindingWarning, what, "the store's master has no replica: if it is lost, so is the store until it comes back",
				"add a replica to it: redis-cli --cluster add-node … --cluster-slave")
		}
		return
	}
	switch least, ok := e.settings[what]; {
	case !ok:
		e.unknown(what)
	case least == "0":
		e.report(pawl.FindingWarning, what, "replicas copy later than the master answers: a master that is cut off goes on accepting tasks, which a failover loses",
			"CONFIG SET min-replicas-to-write 1 and min-replicas-max-lag 10, so that it stops; what was answered in the last moment can still be lost")
	default:
		e.report(pawl.FindingOK, what, "the master takes writes only with "+least+" replicas; a failover can lose what was answered in the last moment", "")
	}
}
