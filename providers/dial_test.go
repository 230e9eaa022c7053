package providers_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"refundworker/providers"
)

func TestAddressesThatAreDialled(t *testing.T) {
	const never, hereOnly, always = "never", "only where base_url says so", "always"
	for address, want := range map[string]string{
		"169.254.169.254":                    never, // the clouds' metadata
		"169.254.0.1":                        never,
		"::ffff:169.254.169.254":             never,
		"64:ff9b::a9fe:a9fe":                 never, // the same through NAT64
		"fe80::1":                            never,
		"fe80::1%eth0":                       never,
		"febf::1":                            never,
		"fd00:ec2::254":                      never,
		"0.0.0.0":                            never, // reaches this machine on Linux
		"::":                                 never,
		"::ffff:0.0.0.0":                     never,
		"224.0.0.1":                          never,
		"ff02::1":                            never,
		"255.255.255.255":                    never,
		"127.0.0.1":                          hereOnly,
		"127.9.9.9":                          hereOnly,
		"::1":                                hereOnly,
		"::ffff:127.0.0.1":                   hereOnly,
		"64:ff9b::7f00:1":                    hereOnly,
		"10.0.0.7":                           always, // banks are reached over private networks
		"172.16.0.1":                         always,
		"192.168.1.1":                        always,
		"fd12::1":                            always,
		"93.184.216.34":                      always,
		"2606:2800:220:1:248:1893:25c8:1946": always,
		"169.253.255.255":                    always,
		"170.0.0.1":                          always,
		"64:ff9b::5db8:d822":                 always,
		"::ffff:93.184.216.34":               always,
	} {
		addr := netip.MustParseAddr(address)
		here, elsewhere := providers.CheckAddress(addr, true) == nil, providers.CheckAddress(addr, false) == nil
		if here != (want != never) || elsewhere != (want == always) {
			t.Errorf("%s: dialled %v and %v, want %s", address, here, elsewhere, want)
		}
	}
}

func TestForbiddenAddressIsNotConnectedTo(t *testing.T) {
	for _, base := range []string{"http://169.254.169.254/latest", "http://[fe80::1]:80", "http://0.0.0.0:80", "https://[::ffff:169.254.169.254]"} {
		t.Run(base, func(t *testing.T) {
			c := open(t, base)
			for what, fail := range both(c) {
				if fail == nil || fail.Kind != providers.Unavailable || fail.Code != providers.CodeNotSent || !strings.Contains(fail.Message, "not connecting to") {
					t.Errorf("%s: %+v, want unavailable, not connecting", what, fail)
				}
			}
		})
	}
}

// both makes a refund call and a lookup and returns how they failed.
func both(c *providers.Client) map[string]*providers.Failure {
	_, sent := send(c)
	_, asked := c.Ask(context.Background(), call(c))
	return map[string]*providers.Failure{"Send": sent, "Ask": asked}
}

// A name of another host that resolves to this machine is what an attack on the
// name service looks like. "localhost." is such a name: base_url's own promise
// is kept for localhost only.
func TestNameThatResolvesToThisMachineIsNotConnectedTo(t *testing.T) {
	if found, err := net.DefaultResolver.LookupNetIP(t.Context(), "ip", "localhost."); err != nil || !found[0].IsLoopback() {
		t.Skipf("localhost. resolves to %v, %v here", found, err)
	}
	var served atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	srv.Config.ErrorLog = quiet
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			served.Add(1)
		}
	}
	srv.StartTLS()
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for what, fail := range both(open(t, "https://localhost.:"+port, trust(t, srv))) {
		if fail == nil || fail.Kind != providers.Unavailable || !strings.Contains(fail.Message, "resolves to this one") {
			t.Errorf("%s: %+v, want unavailable", what, fail)
		}
	}
	if n := served.Load(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
}

func TestConfiguredHostIsRefusedWhenItIsAForbiddenAddress(t *testing.T) {
	for host, ok := range map[string]bool{"169.254.169.254": false, "fe80::1%eth0": false, "0.0.0.0": false,
		"127.0.0.1": true, "10.0.0.7": true, "unitpay.ru": true, "2852039166": true /* a name as far as it is written */} {
		if err := providers.CheckHost(host); (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
	}
}
