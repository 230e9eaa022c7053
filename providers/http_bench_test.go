package providers_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"refundworker/providers"
)

// answerer answers every request with this, at as little cost as it can, so that
// what is measured is the client.
func answerer(b *testing.B, l net.Listener, answer string) {
	b.Helper()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) > 2 {
						continue
					}
					if _, err := io.WriteString(conn, answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	b.Cleanup(func() { l.Close() })
}

// BenchmarkCalls measures one call over loopback, the other side included.
func BenchmarkCalls(b *testing.B) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 51\r\n\r\n" + `{"result":{"message":"The refund was successful."}}`
	bank := newAuthority(b)
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	plain, secure, closing := listen(), listen(), listen()
	answerer(b, plain, answer)
	answerer(b, tls.NewListener(secure, bank.server(nil)), answer)
	answerer(b, closing, strings.Replace(answer, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
	for _, tc := range []struct{ name, base string }{
		{"http", "http://" + plain.Addr().String()},
		{"https", "https://" + secure.Addr().String()},
		{"http, a new connection each", "http://" + closing.Addr().String()},
	} {
		c := open(b, tc.base, func(s *providers.Settings) { s.RootCAs = bank.file() })
		call := providers.Call{Operation: "refund", Method: http.MethodGet, URL: c.URL("api"), Header: http.Header{"Accept": {"application/json"}}}
		b.Run("Send/"+tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, fail := c.Send(context.Background(), time.Now().Add(15*time.Second), call); fail != nil {
					b.Fatalf("%+v", fail)
				}
			}
		})
		b.Run("Ask/"+tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, fail := c.Ask(context.Background(), call); fail != nil {
					b.Fatalf("%+v", fail)
				}
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	c := open(b, "https://provider.example")
	token := providers.NewSecret(strings.Repeat("eyJhbGciOiJIUzI1NiJ9.", 20))
	for name, text := range map[string]string{"word": "Created", "sentence": "Возврат успешно произведен"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Text(text)
			}
		})
		b.Run(name+", with a token to hide", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Text(text, token)
			}
		})
	}
}
