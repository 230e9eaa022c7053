// Package compose_test checks docker-compose.yml and what it mounts, as far as
// that can be done without an engine.
package compose_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"refundworker/config"
	"refundworker/htpasswd"
	"refundworker/providers/all"
	"refundworker/providers/sandbox"
)

const root = "../.."

type file struct {
	Services map[string]service
	Secrets  map[string]struct{ File string }
	Configs  map[string]struct{ File string }
	Volumes  map[string]any
}

type service struct {
	Image           string
	Entrypoint      []string
	Command         any
	Profiles        []string
	Ports           []string
	Volumes         []string
	Secrets         []string
	Configs         []struct{ Source, Target string }
	StopGracePeriod string `yaml:"stop_grace_period"`
	Deploy          struct{ Replicas int }
	Healthcheck     struct{ Test []string }
	ReadOnly        bool                                  `yaml:"read_only"`
	CapDrop         []string                              `yaml:"cap_drop"`
	SecurityOpt     []string                              `yaml:"security_opt"`
	DependsOn       map[string]struct{ Condition string } `yaml:"depends_on"`
}

func load(t *testing.T) file {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := yaml.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatAServiceNamesIsThere(t *testing.T) {
	f := load(t)
	for name, s := range f.Services {
		for _, secret := range s.Secrets {
			if _, ok := f.Secrets[secret]; !ok {
				t.Errorf("%s: secret %s is not declared", name, secret)
			}
		}
		for _, c := range s.Configs {
			if _, ok := f.Configs[c.Source]; !ok {
				t.Errorf("%s: config %s is not declared", name, c.Source)
			}
		}
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			if _, ok := f.Volumes[volume]; !ok {
				t.Errorf("%s: volume %s is not declared", name, volume)
			}
		}
		for other := range s.DependsOn {
			if f.Services[other].Healthcheck.Test == nil {
				t.Errorf("%s waits for %s to be healthy, which has no health check", name, other)
			}
		}
		if tag := regexp.MustCompile(`:\d+\.\d+`); s.Image != "refundworker" && !tag.MatchString(s.Image) {
			t.Errorf("%s: image %s names no version", name, s.Image)
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to other machines", name, port)
			}
		}
	}
	for name, c := range f.Configs {
		path := regexp.MustCompile(`^\$\{[A-Z_]+:-(.*)\}$`).ReplaceAllString(c.File, "$1")
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			t.Errorf("config %s: %v", name, err)
		}
	}
}

func TestEveryServiceIsConfined(t *testing.T) {
	for name, s := range load(t).Services {
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s keeps capabilities %v, or may gain privileges: %v", name, s.CapDrop, s.SecurityOpt)
		}
		if !s.ReadOnly && name != "redis" {
			t.Errorf("%s may write to its own root", name)
		}
	}
}

func TestInitMakesEverySecretAndKeepsThePassword(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh here to run the script with")
	}
	f := load(t)
	dir := t.TempDir()
	script, err := os.ReadFile("init")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "init"), script, 0o700); err != nil {
		t.Fatal(err)
	}
	password := ""
	for run := range 2 {
		if out, err := exec.Command("sh", filepath.Join(dir, "init")).CombinedOutput(); err != nil {
			t.Fatalf("init: %v\n%s", err, out)
		}
		b, err := os.ReadFile(filepath.Join(dir, "secrets", "redis_password"))
		if err != nil || !regexp.MustCompile(`^[0-9a-f]{48}$`).Match(b) {
			t.Fatalf("redis_password: %q, %v; want 48 hexadecimal digits, which need no escape in a URL", b, err)
		}
		if run == 1 && string(b) != password {
			t.Error("a second run changed the password of Redis")
		}
		password = string(b)
	}
	paths := []string{}
	for _, s := range f.Secrets {
		paths = append(paths, s.File)
	}
	for _, path := range paths {
		in, ok := strings.CutPrefix(path, "deploy/compose/")
		if _, err := os.Stat(filepath.Join(dir, in)); !ok || err != nil {
			t.Errorf("%s is not made by init: %v", path, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "secrets")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the secrets is open to others: %v, %v", info.Mode(), err)
	}
}

// mounted reads a configuration as a service of the compose file sees it.
func mounted(t *testing.T, path string, s service, resolve bool) *config.Config {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	people, err := os.ReadFile("htpasswd.sandbox")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load("/config/refunds.yaml", config.Options{Drivers: all.Drivers, ResolveSecrets: resolve,
		Env: func(string) (string, bool) { return "", false },
		ReadFile: func(name string) ([]byte, error) {
			if name == "/config/refunds.yaml" {
				return text, nil
			}
			for _, c := range s.Configs {
				if c.Target == name {
					return people, nil
				}
			}
			secret, ok := strings.CutPrefix(name, "/run/secrets/")
			if !ok || !slices.Contains(s.Secrets, secret) {
				return nil, fmt.Errorf("%s is not mounted", name)
			}
			if secret == "htpasswd" {
				return people, nil
			}
			return []byte("secret-" + secret[:4] + "\n"), nil
		}})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return cfg
}

func TestTheConfigurationsLoadWithWhatEachServiceMounts(t *testing.T) {
	f := load(t)
	worker := f.Services["worker"]
	for _, path := range []string{"refunds.yaml", "refunds.sandbox.yaml"} {
		cfg := mounted(t, path, worker, true)
		if cfg.Durability != config.AOF || cfg.Redis.Reveal() != "redis://:secret-redi@redis:6379/0" {
			t.Errorf("%s: durability %s at %q", path, cfg.Durability, cfg.Redis.Reveal())
		}
		for _, port := range worker.Ports {
			if !strings.HasSuffix(port, cfg.Listen) {
				t.Errorf("%s: the worker listens on %s, and %s is published", path, cfg.Listen, port)
			}
		}
		grace, err := time.ParseDuration(worker.StopGracePeriod)
		if err != nil || grace < cfg.ShutdownTimeout+10*time.Second {
			t.Errorf("%s: stop_grace_period %s leaves no room after shutdown_timeout %s", path, worker.StopGracePeriod, cfg.ShutdownTimeout)
		}
		for _, command := range []string{"enqueue", "refundctl"} {
			if s := f.Services[command]; !slices.Equal(s.Secrets, []string{"redis_password"}) {
				t.Errorf("%s gets %v; it needs redis_password only", command, s.Secrets)
			} else {
				mounted(t, path, s, false)
			}
		}
	}
	if worker.Deploy.Replicas != 2 || !slices.Equal(worker.Healthcheck.Test, []string{"CMD", "/worker", "--healthcheck"}) {
		t.Errorf("worker: %d replicas, health check %v", worker.Deploy.Replicas, worker.Healthcheck.Test)
	}
}

func TestTheRealConfigurationHoldsNoSecretAndOpensNoPlainHTTP(t *testing.T) {
	for _, p := range mounted(t, "refunds.yaml", load(t).Services["worker"], true).Providers {
		if p.AllowInsecure || p.BaseURL.Scheme != "https" {
			t.Errorf("%s: %s, allow_insecure %t", p.Name, p.BaseURL, p.AllowInsecure)
		}
	}
	text, err := os.ReadFile("refunds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range regexp.MustCompile(`(?m)^\s*(secret_key|client_id|client_secret|username|password):.*$`).FindAllString(string(text), -1) {
		if !strings.Contains(line, "${file:/run/secrets/") {
			t.Errorf("a secret in the open: %s", strings.TrimSpace(line))
		}
	}
}

func TestTheSandboxConfigurationReachesTheSandbox(t *testing.T) {
	cfg := mounted(t, "refunds.sandbox.yaml", load(t).Services["worker"], true)
	want := map[string]map[string]string{
		sandbox.UnitPay:  {"secret_key": sandbox.UnitPaySecret},
		sandbox.Maib:     {"client_id": sandbox.MaibClientID, "client_secret": sandbox.MaibClientSecret},
		sandbox.Sberbank: {"username": sandbox.SberbankUser, "password": sandbox.SberbankPassword},
	}
	served := sandbox.New(sandbox.Options{})
	defer served.Close()
	for _, p := range cfg.Providers {
		if at := served.BaseURL(p.Name); p.BaseURL.String() != "http://sandbox:8090"+at {
			t.Errorf("%s: base_url %s, the sandbox serves %s", p.Name, p.BaseURL, at)
		}
		for key, value := range want[p.Name] {
			if p.Settings.Secrets[key].Reveal() != value {
				t.Errorf("%s: %s is not the sandbox's", p.Name, key)
			}
		}
		delete(want, p.Name)
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

func TestTheSandboxLetsInWhomTheComposeFileNames(t *testing.T) {
	raw, err := os.ReadFile("htpasswd.sandbox")
	if err != nil {
		t.Fatal(err)
	}
	people, faults := htpasswd.Parse(raw)
	if len(faults) > 0 || people.Len() != 1 || !people.Check("demo", "demo") {
		t.Errorf("%d people, %v", people.Len(), faults)
	}
	if web := mounted(t, "refunds.yaml", load(t).Services["worker"], true).Web; web.Login.Htpasswd != "/run/secrets/htpasswd" {
		t.Errorf("with real companies people log in by %q", web.Login.Htpasswd)
	}
}

func TestRedisKeepsWhatItIsTold(t *testing.T) {
	b, err := os.ReadFile("redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	for _, want := range []string{"appendonly yes", "appendfsync always", "maxmemory-policy noeviction", "hash-max-listpack-value 1024"} {
		if !slices.Contains(lines, want) {
			t.Errorf("redis.conf does not say %q", want)
		}
	}
	if command := fmt.Sprint(load(t).Services["redis"].Command); !strings.Contains(command, "requirepass $$(cat /run/secrets/redis_password)") {
		t.Errorf("Redis asks for no password: %s", command)
	}
}

func TestTheImageIsBuiltFromEveryPackage(t *testing.T) {
	ignore, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	let := strings.Split(string(ignore), "\n")
	folders, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !folder.IsDir() || strings.HasPrefix(folder.Name(), ".") || folder.Name() == "deploy" {
			continue
		}
		sources := 0
		_ = filepath.WalkDir(filepath.Join(root, folder.Name()), func(path string, _ os.DirEntry, err error) error {
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				sources++
			}
			return err
		})
		if sources > 0 && !slices.Contains(let, "!"+folder.Name()) {
			t.Errorf(".dockerignore keeps %s out, which holds %d Go files", folder.Name(), sources)
		}
	}
	for _, secret := range []string{"!deploy", "!.git", "!refunds.yaml"} {
		if slices.Contains(let, secret) {
			t.Errorf(".dockerignore lets %s into the image", secret[1:])
		}
	}
	dockerfile, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CGO_ENABLED=0", "FROM scratch", "USER 65532:65532", "/etc/ssl/certs/ca-certificates.crt"} {
		if !strings.Contains(string(dockerfile), want) {
			t.Errorf("the Dockerfile does not say %s", want)
		}
	}
}
