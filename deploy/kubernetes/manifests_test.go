// Package kubernetes_test checks that the manifests fit the worker: its
// configuration, its secrets, its times and its alerts. Whether they fit
// Kubernetes is checked by the module in check/.
package kubernetes_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"refundworker/config"
	"refundworker/providers/all"
	"refundworker/worker"
)

var update = flag.Bool("update", false, "write the files that are made of others")

// secretsAt is where the Deployment mounts the Secret.
const secretsAt = "/run/secrets/refundworker/"

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// password is of nobody: alice, in the form that htpasswd -B makes.
const password = "alice:$2y$12$abcdefghijklmnopqrstuuOQhKoU.kMmuAGFx1GBYAvcZ2Ya2yQBG\n"

// load reads the configuration as a pod does, and returns the secrets that it
// asked for.
func load(t *testing.T) (*config.Config, []string) {
	t.Helper()
	text, asked := read(t, "base/refunds.yaml"), map[string]bool{}
	cfg, err := config.Load("/config/refunds.yaml", config.Options{Drivers: all.Drivers, ResolveSecrets: true,
		Env: func(string) (string, bool) { return "", false },
		ReadFile: func(name string) ([]byte, error) {
			if name == "/config/refunds.yaml" {
				return text, nil
			}
			key, ok := strings.CutPrefix(name, secretsAt)
			if !ok {
				return nil, fmt.Errorf("%s is not mounted", name)
			}
			asked[key] = true
			if key == "htpasswd" {
				return []byte(password), nil
			}
			return []byte("secret-of-" + key), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg, slices.Sorted(maps.Keys(asked))
}

func TestTheConfigurationStartsAWorkerAndHoldsNoSecret(t *testing.T) {
	cfg, _ := load(t)
	cfg.Web.Login.Htpasswd = filepath.Join(t.TempDir(), "htpasswd") // the worker opens it by itself
	if err := os.WriteFile(cfg.Web.Login.Htpasswd, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.New(cfg, worker.Options{}); err != nil {
		t.Error(err)
	}
	if cfg.Durability != config.AOF || cfg.AllowEviction {
		t.Errorf("durability %s, allow_eviction %t", cfg.Durability, cfg.AllowEviction)
	}
	for _, p := range cfg.Providers {
		if p.BaseURL.Scheme != "https" || p.AllowInsecure {
			t.Errorf("%s: %s, allow_insecure %t", p.Name, p.BaseURL, p.AllowInsecure)
		}
	}
	for line := range bytes.Lines(read(t, "base/refunds.yaml")) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		if slices.Contains([]string{"secret_key", "client_id", "client_secret", "username", "password"}, key) && !strings.HasPrefix(strings.TrimSpace(value), "${file:"+secretsAt) {
			t.Errorf("a secret in the open: %s", line)
		}
	}
}

// deployment is what matters here of the Deployment.
type deployment struct {
	Spec struct {
		Template struct {
			Spec struct {
				Grace      int `yaml:"terminationGracePeriodSeconds"`
				Containers []struct {
					Ports []struct {
						ContainerPort int `yaml:"containerPort"`
					}
					VolumeMounts []struct {
						Name      string
						MountPath string `yaml:"mountPath"`
					} `yaml:"volumeMounts"`
				}
				Volumes []struct {
					Name      string
					ConfigMap struct{ Name string } `yaml:"configMap"`
					Secret    struct {
						SecretName string `yaml:"secretName"`
					}
				}
			}
		}
	}
}

func TestThePodFitsTheConfiguration(t *testing.T) {
	cfg, _ := load(t)
	var d deployment
	decode(t, "base/deployment.yaml", &d)
	pod := d.Spec.Template.Spec
	// Draining takes shutdown_timeout, then the HTTP server up to 10 s.
	if grace := time.Duration(pod.Grace) * time.Second; grace < cfg.ShutdownTimeout+20*time.Second {
		t.Errorf("terminationGracePeriodSeconds %s leaves no room after shutdown_timeout %s", grace, cfg.ShutdownTimeout)
	}
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	c := pod.Containers[0]
	if len(c.Ports) != 1 || cfg.Listen != fmt.Sprintf(":%d", c.Ports[0].ContainerPort) {
		t.Errorf("the worker listens on %s, the container's ports are %v", cfg.Listen, c.Ports)
	}
	at := map[string]string{}
	for _, m := range c.VolumeMounts {
		at[m.Name] = m.MountPath
	}
	for _, v := range pod.Volumes {
		switch {
		case v.ConfigMap.Name != "" && at[v.Name] != "/config":
			t.Errorf("the image reads /config/refunds.yaml, and the ConfigMap is at %s", at[v.Name])
		case v.Secret.SecretName != "" && at[v.Name]+"/" != secretsAt:
			t.Errorf("refunds.yaml reads %s, and the Secret is at %s", secretsAt, at[v.Name])
		}
	}
	if !strings.Contains(string(read(t, "../../Dockerfile")), "REFUND_CONFIG=/config/refunds.yaml") {
		t.Error("the image reads another file")
	}
}

func TestTheExampleMakesTheSecretsThatTheConfigurationReads(t *testing.T) {
	_, asked := load(t)
	var k struct {
		SecretGenerator []struct{ Files []string } `yaml:"secretGenerator"`
	}
	decode(t, "example/kustomization.yaml", &k)
	var made []string
	for _, file := range k.SecretGenerator[0].Files {
		made = append(made, strings.TrimPrefix(file, "secrets/"))
	}
	slices.Sort(made)
	if !slices.Equal(made, asked) {
		t.Errorf("made are %v, read are %v", made, asked)
	}
	script := string(read(t, "example/init"))
	for _, name := range made {
		if !strings.Contains(script, " "+name+" ") && !strings.Contains(script, " "+name+";") {
			t.Errorf("init does not make %s", name)
		}
	}
}

// PrometheusRule wraps the groups that Prometheus itself reads.
func TestThePrometheusRuleIsTheAlertsFile(t *testing.T) {
	const head = `# Made of deploy/prometheus/alerts.yaml by go test ./deploy/kubernetes -update.
# Change that one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: refundworker
spec:
`
	_, groups, ok := strings.Cut(string(read(t, "../prometheus/alerts.yaml")), "\ngroups:\n")
	if !ok {
		t.Fatal("alerts.yaml has no groups")
	}
	var b strings.Builder
	b.WriteString(head + "  groups:\n")
	for line := range strings.Lines(groups) {
		b.WriteString("  " + line)
	}
	const file = "monitoring/prometheusrule.yaml"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(read(t, file)); got != b.String() {
		t.Errorf("%s is not what alerts.yaml makes: go test ./deploy/kubernetes -update", file)
	}
}
