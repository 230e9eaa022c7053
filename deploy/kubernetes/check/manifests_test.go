// Package check_test builds the manifests as kubectl does and holds them against
// the types of Kubernetes, prometheus-operator and KEDA: no unknown field, no
// value of another type, and what makes a pod safe. It needs no cluster. It is a
// module of its own, so that the worker's dependencies stay few.
package check_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const root = "../.." // deploy

// kinds are the types that the manifests may have.
var kinds = map[string]func() any{
	"v1/Namespace":                            func() any { return new(core.Namespace) },
	"v1/ServiceAccount":                       func() any { return new(core.ServiceAccount) },
	"v1/ConfigMap":                            func() any { return new(core.ConfigMap) },
	"v1/Secret":                               func() any { return new(core.Secret) },
	"v1/Service":                              func() any { return new(core.Service) },
	"apps/v1/Deployment":                      func() any { return new(apps.Deployment) },
	"policy/v1/PodDisruptionBudget":           func() any { return new(policy.PodDisruptionBudget) },
	"networking.k8s.io/v1/NetworkPolicy":      func() any { return new(networking.NetworkPolicy) },
	"monitoring.coreos.com/v1/ServiceMonitor": func() any { return new(monitoring.ServiceMonitor) },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return new(monitoring.PrometheusRule) },
	"keda.sh/v1alpha1/ScaledObject":           func() any { return new(keda.ScaledObject) },
}

// copied is a copy of the deploy folder, with what a person adds to it.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{"kubernetes", "grafana"} {
		from := os.DirFS(filepath.Join(root, part))
		err := fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if path == "check" || d.Name() == "secrets" {
				return fs.SkipDir
			}
			to := filepath.Join(dir, part, path)
			if d.IsDir() {
				return os.MkdirAll(to, 0o755)
			}
			b, err := fs.ReadFile(from, path)
			if err != nil {
				return err
			}
			return os.WriteFile(to, b, 0o755)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// built is what kustomize makes of a folder, by kind and name.
type built map[string]any

func build(t *testing.T, path string) (built, error) {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), path)
	if err != nil {
		return nil, err
	}
	all := built{}
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		kind := strings.TrimPrefix(r.GetGvk().ApiVersion()+"/"+r.GetKind(), "/")
		empty, ok := kinds[kind]
		if !ok {
			t.Errorf("%s %s: no type to hold it against", kind, r.GetName())
			continue
		}
		object := empty()
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			t.Errorf("%s %s: %v", kind, r.GetName(), err)
		}
		if ns := r.GetNamespace(); ns != "refunds" && r.GetKind() != "Namespace" {
			t.Errorf("%s %s is in namespace %q", kind, r.GetName(), ns)
		}
		all[r.GetKind()+"/"+r.GetName()] = object
	}
	return all, nil
}

// example builds the example with secrets that somebody has filled in.
func example(t *testing.T) built {
	t.Helper()
	dir := filepath.Join(copied(t), "kubernetes", "example")
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "init")).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(out) {
		name := filepath.Base(strings.TrimSpace(string(line)))
		if err := os.WriteFile(filepath.Join(dir, "secrets", name), []byte("filled in"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := build(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// one finds an object by its kind and the beginning of its name.
func one[T any](t *testing.T, all built, prefix string) *T {
	t.Helper()
	for name, object := range all {
		if typed, ok := object.(*T); ok && strings.HasPrefix(name, prefix) {
			return typed
		}
	}
	t.Fatalf("no %s", prefix)
	return nil
}

func TestTheBaseAndTheExampleAreOfKubernetesTypes(t *testing.T) {
	base, err := build(t, filepath.Join(copied(t), "kubernetes"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range base {
		if strings.HasPrefix(name, "Secret/") {
			t.Errorf("the base brings %s: it could be applied with credentials that are nobody's", name)
		}
	}
	want := []string{"Namespace", "ServiceAccount", "ConfigMap", "Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy",
		"Secret", "ServiceMonitor", "PrometheusRule", "ScaledObject"}
	have := map[string]bool{}
	for name := range example(t) {
		kind, _, _ := strings.Cut(name, "/")
		have[kind] = true
	}
	for _, kind := range want {
		if !have[kind] {
			t.Errorf("the example has no %s", kind)
		}
	}
}

func TestTheExampleCanNotBeAppliedWithoutSecrets(t *testing.T) {
	if all, err := build(t, filepath.Join(copied(t), "kubernetes", "example")); err == nil {
		t.Errorf("it was built without the files of its secrets: %d objects", len(all))
	}
}

func TestThePodIsConfined(t *testing.T) {
	d := one[apps.Deployment](t, example(t), "Deployment/refundworker")
	pod := d.Spec.Template.Spec
	s := pod.SecurityContext
	if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser != 65532 ||
		s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("pod security context %+v", s)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Error("the pod gets a token of the API server, or a namespace of the host")
	}
	if len(pod.TopologySpreadConstraints) == 0 {
		t.Error("all workers may be on one node")
	}
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
		t.Fatalf("%d containers, %d before them", len(pod.Containers), len(pod.InitContainers))
	}
	c := pod.Containers[0]
	if _, tag, ok := strings.Cut(c.Image, ":"); !ok || tag == "" || tag == "latest" {
		t.Errorf("image %s names no version", c.Image)
	}
	cs := c.SecurityContext
	if cs == nil || cs.AllowPrivilegeEscalation == nil || *cs.AllowPrivilegeEscalation || cs.ReadOnlyRootFilesystem == nil || !*cs.ReadOnlyRootFilesystem ||
		cs.Capabilities == nil || !slices.Equal(cs.Capabilities.Drop, []core.Capability{"ALL"}) || len(cs.Capabilities.Add) != 0 {
		t.Errorf("container security context %+v", cs)
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("resources %+v", c.Resources)
	}
	for name, probe := range map[string]*core.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != name {
			t.Errorf("no probe of %s", name)
		}
	}
	for _, m := range c.VolumeMounts {
		if !m.ReadOnly {
			t.Errorf("%s can be written", m.MountPath)
		}
	}
}

// What names another object names one that is there, under the name that
// kustomize gave it.
func TestWhatIsNamedIsThere(t *testing.T) {
	all := example(t)
	d := one[apps.Deployment](t, all, "Deployment/refundworker")
	for _, v := range d.Spec.Template.Spec.Volumes {
		name := ""
		switch {
		case v.Secret != nil:
			name = "Secret/" + v.Secret.SecretName
		case v.ConfigMap != nil:
			name = "ConfigMap/" + v.ConfigMap.Name
		}
		if _, ok := all[name]; !ok || name == "Secret/refundworker" {
			t.Errorf("volume %s: %s is not there, or does not change its name with its content", v.Name, name)
		}
	}
	labels := d.Spec.Template.Labels
	selects := func(what string, selector map[string]string) {
		if len(selector) == 0 {
			t.Errorf("%s selects every pod of the namespace", what)
		}
		for key, value := range selector {
			if labels[key] != value {
				t.Errorf("%s selects %s=%s, the pods have %q", what, key, value, labels[key])
			}
		}
	}
	service := one[core.Service](t, all, "Service/")
	selects("the Deployment", d.Spec.Selector.MatchLabels)
	selects("the Service", service.Spec.Selector)
	selects("the PodDisruptionBudget", one[policy.PodDisruptionBudget](t, all, "PodDisruptionBudget/").Spec.Selector.MatchLabels)
	selects("the NetworkPolicy", one[networking.NetworkPolicy](t, all, "NetworkPolicy/").Spec.PodSelector.MatchLabels)
	for i, peer := range []map[string]string{{"k8s-app": "kube-dns"}, {"app.kubernetes.io/name": "redis"}} {
		to := one[networking.NetworkPolicy](t, all, "NetworkPolicy/").Spec.Egress[i].To[0].PodSelector
		if to == nil || !maps.Equal(to.MatchLabels, peer) {
			t.Errorf("the NetworkPolicy lets out to %v, not to %v", to, peer)
		}
	}
	for _, c := range d.Spec.Template.Spec.TopologySpreadConstraints {
		selects("a topology spread", c.LabelSelector.MatchLabels)
	}
	m := one[monitoring.ServiceMonitor](t, all, "ServiceMonitor/")
	for key, value := range m.Spec.Selector.MatchLabels {
		if service.Labels[key] != value {
			t.Errorf("the ServiceMonitor selects %s=%s, the Service has %q", key, value, service.Labels[key])
		}
	}
	// The alerts expect this job.
	if job := service.Labels[m.Spec.JobLabel]; job != "refundworker" {
		t.Errorf("the job would be %q", job)
	}
	if port := m.Spec.Endpoints[0].Port; port != service.Spec.Ports[0].Name {
		t.Errorf("the ServiceMonitor scrapes port %s", port)
	}
}

func TestKEDADecidesTheNumberOfWorkers(t *testing.T) {
	all := example(t)
	d := one[apps.Deployment](t, all, "Deployment/refundworker")
	o := one[keda.ScaledObject](t, all, "ScaledObject/")
	if o.Spec.ScaleTargetRef.Name != d.Name || d.Spec.Replicas != nil {
		t.Errorf("KEDA scales %s; %s says replicas %v itself", o.Spec.ScaleTargetRef.Name, d.Name, d.Spec.Replicas)
	}
	if o.Spec.MinReplicaCount == nil || *o.Spec.MinReplicaCount < 1 || o.Spec.MaxReplicaCount == nil || *o.Spec.MaxReplicaCount <= *o.Spec.MinReplicaCount {
		t.Error("callbacks, polls and reviews need a worker at all times, and there must be room above")
	}
	for _, trigger := range o.Spec.Triggers {
		query := trigger.Metadata["query"]
		// Each worker reports the figures of all: their sum would grow with the
		// workers, and they with it.
		if trigger.Type != "prometheus" || !strings.Contains(query, "max by") || !strings.HasSuffix(strings.TrimSpace(query), "or vector(0)") {
			t.Errorf("trigger %s: %s", trigger.Name, query)
		}
	}
	if len(o.Spec.Triggers) != 2 {
		t.Errorf("%d triggers", len(o.Spec.Triggers))
	}
}
