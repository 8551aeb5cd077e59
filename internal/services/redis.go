package services

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// StartRedis starts a new Redis server with a random password, an append-only
// file that is synced every second, and no eviction. ctx limits the start only.
// The option NoSync has no effect.
func StartRedis(ctx context.Context, o Options) (*Server, error) {
	bin, err := redisProgram.find(ctx, o.Bin)
	if err != nil {
		return nil, err
	}
	w, err := newWarden(o.Dir)
	if err != nil {
		return nil, err
	}
	s, err := w.redis(bin, o, "redis", rand.Text())
	if err == nil {
		s.release = w.close
		err = s.open(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return s, nil
}

// redis returns a server that keeps its files in the directory name.
func (w *warden) redis(bin string, o Options, name, password string) (*Server, error) {
	dir := filepath.Join(w.dir, name)
	if err := w.mkdir(dir); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "redis.conf")
	s := &Server{
		name: "Redis", warden: w, path: filepath.Join(bin, "redis-server"), args: []string{file},
		log: filepath.Join(dir, "log"), ending: syscall.SIGTERM,
	}
	own := settings{
		"bind":             "127.0.0.1",
		"dir":              dir,
		"requirepass":      password,
		"masterauth":       password,
		"databases":        strconv.Itoa(redisDatabases),
		"appendonly":       "yes",
		"appendfsync":      "everysec",
		"save":             `""`,
		"maxmemory-policy": "noeviction",
	}
	if o.TLS {
		c, err := w.certify()
		if err != nil {
			return nil, err
		}
		own = own.with(settings{"tls-cert-file": c.cert, "tls-key-file": c.key, "tls-ca-cert-file": c.cert, "tls-auth-clients": "no"})
		s.ca = c.cert
	}
	s.configure = func(ports [2]int) error {
		address := settings{"port": strconv.Itoa(ports[0])}
		s.url = "redis://:" + password + "@" + s.addr
		if o.TLS {
			address["tls-port"] = strconv.Itoa(ports[1])
			s.tls = "rediss://:" + password + "@" + loopback(ports[1])
		}
		if _, node := o.Settings["cluster-enabled"]; node {
			address["cluster-port"] = strconv.Itoa(ports[1])
			s.bus = ports[1]
		}
		return w.write(file, own.with(address).with(o.Settings).lines("%s %s"))
	}
	s.answers = func(ctx context.Context) error {
		c := s.redis()
		defer c.Close()
		return c.Ping(ctx).Err()
	}
	return s, nil
}

// redis returns a client of this one server.
func (s *Server) redis() *redis.Client { return redisClient(s.url) }

// quiet turns off what go-redis asks of a server that only one vendor's answers.
var quiet = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

func redisClient(url string) *redis.Client {
	o, err := redis.ParseURL(url)
	if err != nil {
		panic(err) // it is one that this package made
	}
	o.MaintNotificationsConfig = quiet
	o.MaxRetries, o.DialerRetries = -1, 1 // whoever wants more asks again
	return redis.NewClient(o)
}
