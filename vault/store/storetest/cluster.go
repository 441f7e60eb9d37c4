package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// ClusterSetup is a Redis Cluster of three masters without replicas.
type ClusterSetup struct {
	URL   string // redis-cluster://…
	Nodes []*RedisServer

	t testing.TB
}

const slots = 16384

// StartCluster starts three redis-server processes, gives each a third of the
// slots, and returns when each knows of the others. Without a redis-server the
// test is skipped.
func StartCluster(t testing.TB, settings ...string) *ClusterSetup {
	t.Helper()
	needServer(t)
	c := &ClusterSetup{t: t}
	var addrs, bus []string
	for range 3 {
		r := startRedis(t, func() []string {
			return append([]string{"--cluster-enabled", "yes", "--cluster-port", FreePort(t), "--cluster-node-timeout", "1500"}, settings...)
		})
		c.Nodes = append(c.Nodes, r)
		addrs = append(addrs, r.Addr())
		bus = append(bus, r.chosen[3])
	}
	for i, r := range c.Nodes {
		do(t, r, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		do(t, r, "CLUSTER", "ADDSLOTSRANGE", i*slots/3, (i+1)*slots/3-1)
	}
	for i, r := range c.Nodes[1:] {
		do(t, c.Nodes[0], "CLUSTER", "MEET", "127.0.0.1", r.port, bus[i+1])
	}
	c.AwaitUp()
	c.URL = "redis-cluster://" + strings.Join(addrs, ",")
	return c
}

// Owner is the node whose slots include that of {toolvault}.
func (c *ClusterSetup) Owner() *RedisServer {
	c.t.Helper()
	slot, err := c.any().Client(c.t).ClusterKeySlot(c.t.Context(), "{toolvault}").Result()
	if err != nil {
		c.t.Fatal(err)
	}
	for i, r := range c.Nodes {
		if int(slot) < (i+1)*slots/3 {
			return r
		}
	}
	c.t.Fatalf("nobody owns slot %d", slot)
	return nil
}

func (c *ClusterSetup) any() *RedisServer {
	for _, r := range c.Nodes {
		if r.cmd != nil {
			return r
		}
	}
	c.t.Fatal("no node runs")
	return nil
}

// AwaitUp waits until every node finds that the Cluster is whole.
func (c *ClusterSetup) AwaitUp() {
	c.t.Helper()
	for _, r := range c.Nodes {
		client := r.Client(c.t)
		await(c.t, 30*time.Second, "the cluster is up", func(ctx context.Context) bool {
			info, err := client.ClusterInfo(ctx).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3") &&
				strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d", slots))
		})
	}
}

// Flush empties every node.
func (c *ClusterSetup) Flush() {
	c.t.Helper()
	for _, r := range c.Nodes {
		do(c.t, r, "FLUSHALL")
	}
}

func do(t testing.TB, r *RedisServer, args ...any) {
	t.Helper()
	if err := r.Client(t).Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}
