package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"refundworker/internal/cli"
	"refundworker/providers/sandbox"
)

// companiesName is the hidden command that torture starts itself with.
const companiesName = "companies"

// companiesReady is the one line that the simulated companies print.
type companiesReady struct {
	URL  string            `json:"url"`
	Base map[string]string `json:"base"` // base_url by company
}

func companiesCommand() *cobra.Command {
	return &cobra.Command{
		Use: companiesName, Hidden: true, Args: cobra.NoArgs,
		Short: "Serve the simulated companies until standard input ends",
		RunE: cli.Action(func(cmd *cobra.Command, _ []string) error {
			return serveCompanies(cmd.InOrStdin(), cmd.OutOrStdout())
		}),
	}
}

// serveCompanies ends with standard input, that is with the process that
// started it, however that one ends.
func serveCompanies(in io.Reader, out io.Writer) error {
	s := sandbox.New(sandbox.Options{SettleDelay: 300 * time.Millisecond})
	if err := s.Start("127.0.0.1:0"); err != nil {
		return err
	}
	defer s.Close()
	ready := companiesReady{URL: s.URL(), Base: map[string]string{}}
	for _, company := range sandbox.Companies {
		ready.Base[company] = s.BaseURL(company)
	}
	if err := cli.WriteJSON(out, ready); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// companies is the process of the simulated companies.
type companies struct {
	companiesReady
	process *child
	stdin   io.Closer
	client  *http.Client
}

// selfEnv makes a test's program run as the command itself.
const selfEnv = "REFUND_TORTURE_SELF"

func startCompanies(ctx context.Context) (*companies, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, companiesName)
	cmd.Env = append(os.Environ(), selfEnv+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait closes that before the line is read.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd.Stdout = write
	process, err := startChild(cmd, nil)
	_ = write.Close()
	if err != nil {
		return nil, fmt.Errorf("start the simulated companies: %w", err)
	}
	c := &companies{process: process, stdin: stdin, client: &http.Client{Timeout: time.Minute}}
	line := make(chan error, 1)
	go func() {
		text, err := bufio.NewReader(read).ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(text, &c.companiesReady)
		}
		line <- err
	}()
	select {
	case err = <-line:
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(startTime):
		err = fmt.Errorf("not ready in %s", startTime)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("the simulated companies did not start: %w: %s", err, process.said)
	}
	return c, nil
}

func (c *companies) close() {
	_ = c.stdin.Close()
	c.client.CloseIdleConnections()
	c.process.kill()
}

// control uses the sandbox's control interface.
func (c *companies) control(ctx context.Context, method, what string, ask, answer any) error {
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+"/control/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("the simulated companies: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("the simulated companies: %s %s: %s %s", method, what, resp.Status, said)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// prepare makes the payments and arms the faults.
func (c *companies) prepare(ctx context.Context, p *plan) error {
	const batch = 200
	var done any
	for from := 0; from < len(p.jobs); from += batch {
		var payments []map[string]string
		for _, j := range p.jobs[from:min(from+batch, len(p.jobs))] {
			payments = append(payments, map[string]string{"company": j.request.Provider, "id": j.request.PaymentID,
				"amount": paid.String(), "currency": j.request.Currency})
		}
		if err := c.control(ctx, http.MethodPut, "payments", payments, &done); err != nil {
			return err
		}
	}
	for _, j := range p.jobs {
		if j.fault == sandbox.NoFault {
			continue
		}
		ask := map[string]any{"company": j.request.Provider, "payment": j.request.PaymentID,
			"faults": []map[string]any{{"kind": j.fault, "delay": faultDelay.String()}}}
		if err := c.control(ctx, http.MethodPost, "faults", ask, &done); err != nil {
			return err
		}
	}
	return nil
}

// ledger is what really moved, by company and payment.
func (c *companies) ledger(ctx context.Context) (map[string]sandbox.Standing, error) {
	var list []sandbox.Standing
	if err := c.control(ctx, http.MethodGet, "ledger", nil, &list); err != nil {
		return nil, err
	}
	ledger := make(map[string]sandbox.Standing, len(list))
	for _, s := range list {
		ledger[s.Company+" "+s.ID] = s
	}
	return ledger, nil
}
