package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// replicaPatience is how long a write waits for the replicas that the URL asks
// for: less than redisPatience, so that the answer tells which it was.
const replicaPatience = time.Second

// fewReplicas says that a write stands on the master and is not safe from a
// failover yet.
type fewReplicas struct{ have, want int }

func (e fewReplicas) Error() string {
	return fmt.Sprintf("the write stands on the master, but after %v only %d of the %d replicas that the url asks for have it, so a failover may lose it: see whether the replicas run, and read before writing again",
		replicaPatience, e.have, e.want)
}

// write runs a script that writes; every write of the store goes through it.
// Where the URL asks for replicas, WAIT follows on the same connection, since it
// waits for what that connection has written (redis.io/docs/latest/commands/wait),
// and an answer that too few have given in time becomes fewReplicas.
//
// The client repeats a command whose answer was lost. So each script knows by
// its last argument, a text that no other call has, that it has run before, and
// then answers as it did, and writes something again, since WAIT is described as
// waiting for writes of its connection only.
func (s *redisStore) write(ctx context.Context, script *redis.Script, keys []string, args ...any) *redis.Cmd {
	if s.replicas <= 0 {
		return script.Run(ctx, s.client, keys, args...)
	}
	for attempt := 0; ; attempt++ {
		answer, err := s.writeAndWait(ctx, script, keys, args)
		if err == nil || attempt == 3 || !s.elsewhere(err) || sleep(ctx, 50*time.Millisecond<<attempt) != nil {
			answer.SetErr(err)
			return answer
		}
	}
}

func (s *redisStore) writeAndWait(ctx context.Context, script *redis.Script, keys []string, args []any) (*redis.Cmd, error) {
	node, err := s.owner(ctx)
	if err != nil {
		return redis.NewCmd(ctx), err
	}
	pipe := node.Pipeline()
	answer := script.Eval(ctx, pipe, keys, args...) // not by its hash: a pipeline could not send it again if that is unknown
	waited := redis.NewIntCmd(ctx, "wait", s.replicas, replicaPatience.Milliseconds())
	_ = pipe.Process(ctx, waited)
	_, err = pipe.Exec(ctx)
	switch {
	case answer.Err() != nil:
		return answer, answer.Err()
	case err != nil:
		return answer, err
	case waited.Val() < int64(s.replicas) && wrote(answer):
		return answer, fewReplicas{int(waited.Val()), s.replicas}
	}
	return answer, nil
}

// wrote reports whether a script answers that it has written: "ok", or a token,
// which begins with a digit and is not "0".
func wrote(answer *redis.Cmd) bool {
	text, err := answer.Text()
	return err == nil && (text == "ok" || text > "0" && text < ":")
}

// elsewhere reports whether the node that was asked may no longer be the one to
// ask, and has the client look at the Cluster again.
func (s *redisStore) elsewhere(err error) bool {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return false // the client looks again by itself
	}
	if few := (fewReplicas{}); errors.As(err, &few) {
		return false
	}
	for _, code := range []string{"NOPERM", "NOAUTH", "WRONGPASS", "OOM", "MISCONF", "NOREPLICAS", "ERR"} {
		if redis.HasErrorPrefix(err, code) {
			return false
		}
	}
	cluster.ReloadState(context.Background())
	return true
}

// owner is the server that holds the records.
func (s *redisStore) owner(ctx context.Context) (*redis.Client, error) {
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, s.names.format)
	case *redis.Client:
		return c, nil
	}
	return nil, fmt.Errorf("a client of the type %T is not known", s.client)
}
