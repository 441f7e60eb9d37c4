package grafana

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	double "toolvault/tools/sandbox/grafana"
)

// The tests against a real Prometheus, which scrapes itself, and a real Alertmanager,
// both behind the double: Debian's packages prometheus and prometheus-alertmanager.

// behind starts both and puts the double before them.
func behind(t *testing.T) *world {
	t.Helper()
	for _, program := range []string{"prometheus", "prometheus-alertmanager"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("SKIPPED: it needs the program %s; install Debian's package of that name", program)
		}
	}
	dir := t.TempDir()
	metrics := started(t, "/-/ready", func(address string) *exec.Cmd {
		file := written(t, dir, "prometheus.yml", fmt.Sprintf("global: {scrape_interval: 200ms}\nscrape_configs:\n  - {job_name: self, static_configs: [{targets: [%q], labels: {team: support}}]}\n", address))
		return exec.Command("prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=error")
	})
	silences := started(t, "/-/ready", func(address string) *exec.Cmd {
		file := written(t, dir, "alertmanager.yml", "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
		return exec.Command("prometheus-alertmanager", "--config.file="+file, "--storage.path="+filepath.Join(dir, "silences"), "--web.listen-address="+address, "--cluster.listen-address=", "--log.level=error")
	})
	w := against(t, guarded(t, double.Behind(time.Now, metrics, silences)))
	w.svc = New()
	until(t, "Prometheus has scraped itself, a second ago and more", func() bool {
		m := must[Metrics](w, "grafana_query_prometheus", `{"query":"prometheus_tsdb_head_series offset 1s > 100"}`)
		return m.Total == 1
	})
	return w
}

func written(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// started runs a program on a free loopback port until the test ends, and returns its
// base URL once it is ready.
func started(t *testing.T, ready string, command func(address string) *exec.Cmd) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	cmd := command(address)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	until(t, cmd.Path+" is ready", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", cmd.Path, err, said.String())
		default:
		}
		resp, err := http.Get("http://" + address + ready)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode == http.StatusOK
	})
	return "http://" + address
}

// until polls a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("it never came true that %s", what)
		case <-tick.C:
		}
	}
}

func TestRealPrometheusAndAlertmanager(t *testing.T) {
	t.Parallel() // Prometheus looks for what to scrape after five seconds
	w := behind(t)

	t.Run("a value", func(t *testing.T) {
		m := must[Metrics](w, "grafana_query_prometheus", `{"query":"up{team=\"support\"}"}`)
		if m.Total != 1 || !strings.Contains(m.Series[0].Name, `job="self", team="support"`) {
			t.Errorf("got %+v", m)
		}
		if m := must[Metrics](w, "grafana_query_prometheus", `{"query":"1 + 1"}`); m.Series[0].Value != "2" {
			t.Errorf("a scalar: %+v", m)
		}
		if m := must[Metrics](w, "grafana_query_prometheus", `{"query":"topk(3, prometheus_http_requests_total)","max_series":2}`); m.Total < 2 || len(m.Series) > 2 {
			t.Errorf("the largest: %+v", m)
		}
	})
	t.Run("a range", func(t *testing.T) {
		m := must[Metrics](w, "grafana_query_prometheus", `{"query":"sum by (job) (prometheus_tsdb_head_series)","from":"30m"}`)
		if m.Total != 1 || m.Step != 30 || len(m.Series[0].Values) != 61 || m.Series[0].Min == "none" {
			t.Errorf("got %+v", m)
		}
		if last, err := strconv.ParseFloat(m.Series[0].Value, 64); err != nil || last < 100 {
			t.Errorf("the last value: %v, %v", last, err)
		}
		// 90 days in steps of 15 s would be 518,400 points, which Prometheus refuses.
		if m := must[Metrics](w, "grafana_query_prometheus", `{"query":"up","from":"90d","step":"15s"}`); m.Step != 86400 {
			t.Errorf("a long one: %+v", m)
		}
	})
	t.Run("labels", func(t *testing.T) {
		if got := must[Labels](w, "grafana_list_labels", `{"match":"up"}`); strings.Join(got.Values, " ") != "__name__ instance job team" {
			t.Errorf("names: %+v", got)
		}
		if got := must[Labels](w, "grafana_list_labels", `{"label":"job","from":"1h"}`); strings.Join(got.Values, " ") != "self" {
			t.Errorf("values: %+v", got)
		}
		if got := must[Labels](w, "grafana_list_labels", `{"label":"__name__","search":"tsdb_head_series"}`); !slices.Contains(got.Values, "prometheus_tsdb_head_series") {
			t.Errorf("metrics: %+v", got)
		}
	})
	t.Run("a wrong expression", func(t *testing.T) {
		w.refused(fault.InvalidArguments, "parse error", "grafana_query_prometheus", `{"query":"sum("}`)
		w.refused(fault.InvalidArguments, "unknown function", "grafana_query_prometheus", `{"query":"average(up)","from":"1h"}`)
		w.refused(fault.InvalidArguments, "The data source did not accept the query", "grafana_list_labels", `{"match":"{"}`)
	})
	t.Run("a silence", func(t *testing.T) {
		made := must[Silence](w, "grafana_create_silence", `{"matchers":["alertname=\"Exports fail\"","customer=~\"acme|initech\"","severity!=\"info\""],"until":"2h","comment":"release"}`)
		got := must[Silences](w, "grafana_list_silences", `{"state":"all"}`)
		if got.Total != 1 || got.Silences[0].ID != made.ID || got.Silences[0].Comment != "release" || got.Silences[0].Ends != made.Ends ||
			!slices.Equal(got.Silences[0].Matchers, made.Matchers) {
			t.Errorf("listed %+v, made %+v", got, made)
		}
		for _, note := range []string{"", "It had ended already."} {
			if ended := must[Silence](w, "grafana_expire_silence", `{"id":"`+made.ID+`"}`); ended.State != "expired" || ended.Note != note {
				t.Errorf("ended %+v", ended)
			}
		}
		if got := must[Silences](w, "grafana_list_silences", `{}`); got.Total != 0 {
			t.Errorf("still there: %+v", got)
		}
		w.refused(fault.NotFound, "no such silence", "grafana_expire_silence", `{"id":"00000000-0000-4000-8000-000000000000"}`)
	})
}
