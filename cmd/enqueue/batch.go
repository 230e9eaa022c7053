package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"refundworker/batch"
	"refundworker/internal/cli"
	"refundworker/tasks"
)

// batchFlags are the flags of enqueue batch.
type batchFlags struct {
	dryRun  bool
	batchID string
	rejects string
	by      string
	format  *cli.Format
}

func batchCommand(setup *cli.Setup, p cli.Program) *cobra.Command {
	f := &batchFlags{}
	cmd := &cobra.Command{
		Use:   "batch FILE.csv|FILE.jsonl|-",
		Short: "Put a file of refunds on their queues",
		Long: `Put a file of refunds on their queues: CSV with a header row (comma or
semicolon), or one JSON object a line. - reads standard input; what begins with
{ is JSON Lines there.

Columns and fields: refund_id, provider, payment_id, amount, currency,
payment_total, reason, receipt, metadata. provider, payment_id and currency are
needed; receipt and metadata are JSON in a cell.

A row without refund_id gets one made of its provider, payment, amount, currency
and total, its occurrence in the file and --batch-id. So a file can be loaded
again, corrected or after a crash, and adds nothing twice. A repeat that is
meant needs a refund_id of its own or a --batch-id. Of more than 130,000 such
rows, some are counted in temporary files (TMPDIR), at 20 bytes a row.

A bad row is reported with its line and does not stop the others. With
--rejects invalid and conflicting rows are written to a file as they were, with
the columns line and error, which may stay when the corrected file is loaded.

Exit status: 0 if every row is queued or existing, else 4 if a row is invalid or
in conflict, else 3; 5 if Redis was not reached: run the same command again.`,
		Example: `  enqueue batch refunds.csv --dry-run
  enqueue batch refunds.csv --rejects bad.csv
  orders refunds --since yesterday | enqueue batch - -o json`,
		Args: cobra.ExactArgs(1),
		RunE: cli.Action(func(cmd *cobra.Command, args []string) error { return f.run(cmd, setup, args[0]) }),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "touch nothing; say what would be queued, and the duplicates")
	flags.StringVar(&f.batchID, "batch-id", "", "`ID` of the file: equal rows of files with different ids are different refunds")
	flags.StringVar(&f.rejects, "rejects", "", "`FILE` to write refused rows to")
	flags.StringVar(&f.by, "by", cli.Person(p.Env), "`NAME` of who asks for the refunds; somebody else has to approve those that are beyond the limits")
	f.format = cli.FormatFlag(cmd, cli.Text, cli.JSON)
	return cmd
}

// maxBatchID is how long a batch id may be, in bytes.
const maxBatchID = 200

func (f *batchFlags) run(cmd *cobra.Command, setup *cli.Setup, path string) error {
	if len(f.batchID) > maxBatchID || !utf8.ValidString(f.batchID) {
		return cli.UsageError("--batch-id must be UTF-8 text of at most %d bytes", maxBatchID)
	}
	cfg, err := setup.Config()
	if err != nil {
		return err
	}
	in, name, size, err := cli.OpenFile(cmd, path)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := f.checkRejects(in); err != nil {
		return err
	}
	reader, err := batch.NewReader(name, in)
	if err != nil {
		return f.unreadable(cmd, err)
	}
	session, end, err := connect(cmd, cfg)
	if err != nil {
		return f.stopped(cmd, &summary{BatchID: f.batchID}, err)
	}
	defer end()

	report := &report{name: name, stderr: cmd.ErrOrStderr(), summary: summary{BatchID: f.batchID},
		bar: newBar(cmd.ErrOrStderr(), size, reader)}
	if f.rejects != "" {
		file, err := os.Create(f.rejects)
		if err != nil {
			return fmt.Errorf("--rejects: %w", err)
		}
		defer file.Close()
		report.rejects = batch.NewRejects(file, reader)
	}
	naming := &batch.Naming{BatchID: f.batchID}
	defer naming.Close()
	l := &loading{reader: reader, naming: naming, enqueuer: tasks.NewEnqueuer(session.Backend, session.Config)}
	if f.dryRun {
		l.asking = peeking(l.enqueuer)
		report.preview = newPreview(session.Config)
	} else {
		l.asking = taking(l.enqueuer, f.by)
	}
	err = l.run(cmd.Context(), report.row)
	report.bar.end()
	if report.rejects != nil {
		if flushErr := report.rejects.Flush(); flushErr != nil {
			err = errors.Join(err, fmt.Errorf("--rejects: %w", flushErr))
		}
	}
	report.preview.sum(&report.summary)
	if err != nil {
		return f.stopped(cmd, &report.summary, f.interrupted(cmd.Context(), report, session.Explain(cmd.Context(), err)))
	}
	return f.finish(cmd, &report.summary)
}

// checkRejects refuses to write over the file that is read.
func (f *batchFlags) checkRejects(in io.Reader) error {
	file, ok := in.(*os.File)
	if f.rejects == "" || !ok {
		return nil
	}
	there, err := os.Stat(f.rejects)
	if err != nil {
		return nil // it is not there yet, or creating it will say why not
	}
	read, err := file.Stat()
	if err != nil {
		return err
	}
	if os.SameFile(there, read) {
		return cli.UsageError("--rejects must not be the file that is loaded")
	}
	return nil
}

// unreadable ends the command for a file that can't be understood as a whole.
func (f *batchFlags) unreadable(cmd *cobra.Command, err error) error {
	var file *batch.FileError
	if errors.As(err, &file) {
		err = &cli.Exit{Status: cli.Invalid, Err: err}
	}
	return f.stopped(cmd, &summary{BatchID: f.batchID}, err)
}

// interrupted says how far a run came that did not reach the file's end.
func (f *batchFlags) interrupted(ctx context.Context, r *report, err error) error {
	what := "stopped"
	if ctx.Err() != nil {
		what, err = "interrupted", errors.New("by a signal")
	}
	after := "before the first row"
	if r.last > 0 {
		after = fmt.Sprintf("after line %d", r.last)
	}
	again := "run the same command again: nothing is paid twice"
	if f.dryRun {
		again = "nothing was touched"
	}
	return &cli.Exit{Status: cli.StatusOf(err), Err: fmt.Errorf("%s: %s %s: %w; %s", r.name, what, after, err, again)}
}

// stopped prints what is known so far in JSON and ends the command.
func (f *batchFlags) stopped(cmd *cobra.Command, s *summary, err error) error {
	if *f.format == cli.JSON {
		s.DryRun, s.Error = f.dryRun, err.Error()
		if writeErr := cli.WriteJSON(cmd.OutOrStdout(), s); writeErr != nil {
			err = errors.Join(err, writeErr)
		}
	}
	return &cli.Exit{Status: cli.StatusOf(err), Err: err}
}

func (f *batchFlags) finish(cmd *cobra.Command, s *summary) error {
	s.DryRun = f.dryRun
	var err error
	if *f.format == cli.JSON {
		err = cli.WriteJSON(cmd.OutOrStdout(), s)
	} else {
		_, err = io.WriteString(cmd.OutOrStdout(), s.text())
	}
	if err != nil {
		return fmt.Errorf("the summary can't be written: %w", err)
	}
	if status := s.status(); status != cli.OK {
		return &cli.Exit{Status: status}
	}
	return nil
}
