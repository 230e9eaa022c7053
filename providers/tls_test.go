package providers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"refundworker/providers"
)

// authority issues certificates as a national or a bank's own CA does.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	a.cert = a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}, &a.key.PublicKey)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate of the template; the first one signs itself.
func (a *authority) sign(c *x509.Certificate, public *ecdsa.PublicKey) *x509.Certificate {
	a.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = serial
	parent := a.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// file is the authority's certificate as root_ca names it.
func (a *authority) file() string {
	a.t.Helper()
	name := filepath.Join(a.t.TempDir(), "root.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return name
}

// server is the configuration of a provider with a certificate of the
// authority; change spoils it.
func (a *authority) server(change func(*x509.Certificate)) *tls.Config {
	a.t.Helper()
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "provider"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"provider.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if change != nil {
		change(leaf)
	}
	key := newKey(a.t)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{a.sign(leaf, &key.PublicKey).Raw}, PrivateKey: key}}}
}

// serve is such a provider; spoil changes its configuration. It counts the
// requests that it could read.
func (a *authority) serve(change func(*x509.Certificate), spoil func(*tls.Config)) (*httptest.Server, *atomic.Int32) {
	a.t.Helper()
	requests := new(atomic.Int32)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	srv.Config.ErrorLog = quiet
	srv.TLS = a.server(change)
	if spoil != nil {
		spoil(srv.TLS)
	}
	srv.StartTLS()
	a.t.Cleanup(srv.Close)
	return srv, requests
}

func TestOnlyTheProviderItselfGetsARequest(t *testing.T) {
	bank, stranger := newAuthority(t), newAuthority(t)
	trustBank := func(s *providers.Settings) { s.RootCAs = bank.file() }
	older := func(version uint16) func(*tls.Config) {
		return func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version }
	}
	for name, tc := range map[string]struct {
		by     *authority
		change func(*x509.Certificate)
		spoil  func(*tls.Config)
		trust  func(*providers.Settings)
		served bool
	}{
		"configured authority: served":          {bank, nil, nil, trustBank, true},
		"TLS 1.2: served":                       {bank, nil, older(tls.VersionTLS12), trustBank, true},
		"TLS 1.1: refused":                      {bank, nil, older(tls.VersionTLS11), trustBank, false},
		"TLS 1.0: refused":                      {bank, nil, older(tls.VersionTLS10), trustBank, false},
		"authority not configured: refused":     {bank, nil, nil, func(*providers.Settings) {}, false},
		"another authority: refused":            {stranger, nil, nil, trustBank, false},
		"expired: refused":                      {bank, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, nil, trustBank, false},
		"not valid yet: refused":                {bank, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }, nil, trustBank, false},
		"another host's certificate: refused":   {bank, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }, nil, trustBank, false},
		"certificate of a name only: refused":   {bank, func(c *x509.Certificate) { c.IPAddresses = nil }, nil, trustBank, false},
		"a client's certificate: refused":       {bank, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, nil, trustBank, false},
		"the name of another in it too: served": {bank, func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "other.example") }, nil, trustBank, true},
	} {
		t.Run(name, func(t *testing.T) {
			srv, requests := tc.by.serve(tc.change, tc.spoil)
			for what, fail := range both(open(t, srv.URL, tc.trust)) {
				switch {
				case tc.served && fail != nil:
					t.Errorf("%s: %+v, want an answer", what, fail)
				case !tc.served && (fail == nil || fail.Kind != providers.Unavailable || fail.Code != providers.CodeNotSent):
					t.Errorf("%s: %+v, want unavailable, not sent", what, fail)
				}
			}
			want := int32(0)
			if tc.served {
				want = 2
			}
			if n := requests.Load(); n != want {
				t.Errorf("the server read %d requests, want %d", n, want)
			}
		})
	}
}

func TestRootCAThatIsNoneIsRefusedAtTheStart(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".absent"} {
		c := open(t, "https://provider.example").URL()
		if _, err := providers.NewClient(providers.Settings{BaseURL: c, RootCAs: file}); err == nil || !strings.Contains(err.Error(), "root certificates") {
			t.Errorf("%s: %v, want an error about the root certificates", filepath.Base(file), err)
		}
	}
}
